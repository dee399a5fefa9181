(** Affine maps between vector spaces, and affine functions with values in R. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Affine.
Variable R : realFieldType.

Definition affine (V U : lmodType R) (f : V -> U) := forall r u v, f (r *: u + v) = r *: (f u - f 0) + f v.
Definition affine_form (V : lmodType R) (a : V -> R) := @affine V [lmodType R of R^o] a.

Section Maps.
Variables V U : lmodType R.
Implicit Type f g : V -> U.

Lemma affine_mix f r u v : affine f -> f (r *: u + (1 - r) *: v) = r *: f u + (1 - r) *: f v.
Proof.
move=> f_aff; rewrite f_aff -[(1 - r) *: v]addr0 f_aff !scalerBr [(1 - r) *: f 0]scalerBl scale1r opprB.
by rewrite -[in X in _ + X]addrA subrK addrACA addNr addr0.
Qed.

Lemma affine_cst (c : U) : affine (fun _ : V => c).
Proof. by move=> r u v; rewrite subrr scaler0 add0r. Qed.

Lemma affine_id : affine (@id V).
Proof. by move=> r u v; rewrite subr0. Qed.

Lemma affine_add f g : affine f -> affine g -> affine (fun v => f v + g v).
Proof. by move=> f_aff g_aff r u v; rewrite f_aff g_aff addrACA -scalerDr opprD [f u + _ + _]addrACA. Qed.

Lemma affine_scale (k : R) f : affine f -> affine (fun v => k *: f v).
Proof. by move=> f_aff r u v; rewrite f_aff -scalerBr scalerDr !scalerA [k * r]mulrC. Qed.

Lemma affine_opp f : affine f -> affine (fun v => - f v).
Proof. by move=> f_aff r u v; rewrite f_aff opprD -scalerN opprB opprK [f 0 - _]addrC. Qed.

Lemma affine_sub f g : affine f -> affine g -> affine (fun v => f v - g v).
Proof. by move=> f_aff g_aff; apply/affine_add/affine_opp. Qed.

Lemma affine_sum T (s : seq T) (f : T -> V -> U) :
  (forall a, affine (f a)) -> affine (fun v => \sum_(a <- s) f a v).
Proof.
move=> f_aff r u v; rewrite -sumrB scaler_sumr -big_split.
by apply: eq_bigr => a _; apply: f_aff.
Qed.

Lemma affine_of_mean T (s : seq T) (f : T -> V -> U) :
  (forall a, affine (f a)) -> affine (fun v => mean s (f^~ v)).
Proof. by move=> f_aff; apply/affine_scale/affine_sum. Qed.

Lemma mean_affine T (s : seq T) f (v : T -> V) :
  affine f -> (0 < size s)%N -> mean s (fun a => f (v a)) = f (mean s v).
Proof.
move=> f_aff s_gt0; rewrite {2}/mean -[X in f X]addr0 f_aff.
have sum_f : f (\sum_(a <- s) v a) - f 0 = \sum_(a <- s) (f (v a) - f 0).
  elim: s {s_gt0} => [|a s IH]; first by rewrite !big_nil subrr.
  by rewrite !big_cons -IH -[v a]scale1r f_aff !scale1r addrA.
by rewrite sum_f sumrB scalerBr -!/(mean s _) mean_const // subrK.
Qed.
End Maps.

Lemma affine_comp (V U W : lmodType R) (g : U -> W) (f : V -> U) : affine g -> affine f -> affine (fun v => g (f v)).
Proof.
move=> g_aff f_aff r u v; rewrite f_aff g_aff; congr (r *: _ + _).
rewrite [f u - _]addrC -scaleN1r g_aff scaleN1r opprB.
by rewrite addrC !addrA addNr add0r addrC.
Qed.

Lemma convex_affine (V U : lmodType R) (F : U -> R) (f : V -> U) : convex F -> affine f -> convex (fun v => F (f v)).
Proof. by move=> convF f_aff u v r r01; rewrite affine_mix //; apply: convF. Qed.

Section Forms.
Variable V : lmodType R.

Lemma average_affine T (s : seq T) (a : V -> R) (v : T -> V) :
  affine_form a -> (0 < size s)%N -> average s (fun i => a (v i)) = a (mean s v).
Proof. by move=> a_aff s_gt0; rewrite average_mean; apply: (mean_affine (U := [lmodType R of R^o])). Qed.

Lemma affine_form_average T (s : seq T) (a : T -> V -> R) :
  (forall i, affine_form (a i)) -> affine_form (fun v => average s (a^~ v)).
Proof.
move=> a_aff r u v; rewrite !average_mean.
exact: (affine_of_mean (U := [lmodType R of R^o]) s a_aff).
Qed.

Lemma affine_coordinate p k j : affine_form (fun w : 'M[R]_(p, 1) => w k j).
Proof. by move=> r u v; rewrite !mxE subr0. Qed.

Lemma affine_mulmx m p (A : 'M[R]_(m, p)) : affine (fun w : 'cV[R]_p => A *m w).
Proof. by move=> r u v; rewrite mulmxDr -scalemxAr mulmx0 subr0. Qed.
End Forms.
End Affine.
