(** Averages of vectors and of numbers, and Jensen's inequality. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Identities.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Averages.
Variable R : realFieldType.

Lemma average_mean T (s : seq T) (f : T -> R) : average s f = mean (V := [lmodType R of R^o]) s f.
Proof. by rewrite /average mulrC. Qed.

Lemma natrS k : k.+1%:R = k%:R + 1 :> R.
Proof. by rewrite -addn1 natrD. Qed.

Lemma size_neq0 T (s : seq T) : (0 < size s)%N -> (size s)%:R != 0 :> R.
Proof. by rewrite pnatr_eq0 lt0n. Qed.

Lemma size_inv_ge0 T (s : seq T) : 0 <= (size s)%:R^-1 :> R.
Proof. by rewrite invr_ge0 ler0n. Qed.

(** ** Vectors *)
Section Mean.
Variables (V : lmodType R).

Lemma eq_mean T (s : seq T) (f g : T -> V) : f =1 g -> mean s f = mean s g.
Proof. by move=> fg; rewrite /mean (eq_bigr g). Qed.

Lemma eq_mean_in (T : eqType) (s : seq T) (f g : T -> V) : {in s, f =1 g} -> mean s f = mean s g.
Proof. by move=> fg; rewrite /mean; congr (_ *: _); apply: eq_big_seq. Qed.

Lemma mean_const T (s : seq T) (v : V) : (0 < size s)%N -> mean s (fun=> v) = v.
Proof.
move=> s_gt0; rewrite /mean big_const_seq count_predT iter_addr addr0 -scaler_nat scalerA.
by rewrite mulVf ?scale1r // size_neq0.
Qed.

Lemma meanD T (s : seq T) (f g : T -> V) : mean s (fun a => f a + g a) = mean s f + mean s g.
Proof. by rewrite /mean big_split scalerDr. Qed.

Lemma meanZ T (s : seq T) r (f : T -> V) : mean s (fun a => r *: f a) = r *: mean s f.
Proof. by rewrite /mean -scaler_sumr !scalerA mulrC. Qed.

Lemma meanN T (s : seq T) (f : T -> V) : mean s (fun a => - f a) = - mean s f.
Proof. by rewrite /mean sumrN scalerN. Qed.

Lemma meanB T (s : seq T) (f g : T -> V) : mean s (fun a => f a - g a) = mean s f - mean s g.
Proof. by rewrite meanD meanN. Qed.

Lemma mean_map T T' (h : T -> T') (s : seq T) (f : T' -> V) : mean [seq h a | a <- s] f = mean s (fun a => f (h a)).
Proof. by rewrite /mean size_map big_map. Qed.

Lemma mean_allpairs T T' T'' (h : T -> T' -> T'') s s' (f : T'' -> V) :
  mean [seq h a b | a <- s, b <- s'] f = mean s (fun a => mean s' (fun b => f (h a b))).
Proof.
rewrite /mean big_allpairs_dep size_allpairs -scaler_sumr scalerA natrM invfM.
by congr (_ *: _).
Qed.
End Mean.

(** ** Numbers *)
Lemma average_nested T T' (s : seq T) (r : T -> seq T') (f : T -> T' -> R) :
  average s (fun a => average (r a) (f a)) =
  mean s (fun a => mean (r a) (f a : T' -> [lmodType R of R^o])).
Proof. by rewrite /average mulrC; congr (_ * _); apply: eq_bigr => a _; exact: average_mean. Qed.

Lemma eq_average T (s : seq T) (f g : T -> R) : f =1 g -> average s f = average s g.
Proof. by move=> fg; rewrite /average (eq_bigr g). Qed.

Lemma eq_average_in (T : eqType) (s : seq T) (f g : T -> R) : {in s, f =1 g} -> average s f = average s g.
Proof. by move=> fg; rewrite /average (eq_big_seq _ fg). Qed.

Lemma average_const T (s : seq T) (r : R) : (0 < size s)%N -> average s (fun=> r) = r.
Proof.
move=> s_gt0; rewrite /average big_const_seq count_predT iter_addr addr0.
by rewrite -[r *+ _]mulr_natr mulfK ?size_neq0.
Qed.

Lemma averageD T (s : seq T) (f g : T -> R) : average s (fun a => f a + g a) = average s f + average s g.
Proof. by rewrite /average big_split mulrDl. Qed.

Lemma averageM T (s : seq T) r (f : T -> R) : average s (fun a => r * f a) = r * average s f.
Proof. by rewrite /average -mulr_sumr mulrA. Qed.

Lemma average_sum T I (r : seq I) (s : seq T) (f : I -> T -> R) :
  average s (fun a => \sum_(k <- r) f k a) = \sum_(k <- r) average s (f k).
Proof. by rewrite /average exchange_big mulr_suml. Qed.

Lemma average_le_in (T : eqType) (s : seq T) (f g : T -> R) :
  {in s, forall a, f a <= g a} -> average s f <= average s g.
Proof.
move=> fg; rewrite /average ler_wpmul2r ?size_inv_ge0 // big_seq [leRHS]big_seq.
exact: ler_sum.
Qed.

Lemma average_le T (s : seq T) (f g : T -> R) : (forall a, f a <= g a) -> average s f <= average s g.
Proof. by move=> fg; rewrite /average ler_wpmul2r ?size_inv_ge0 ?ler_sum. Qed.

Lemma average_allpairs T T' T'' (h : T -> T' -> T'') s s' (f : T'' -> R) :
  average [seq h a b | a <- s, b <- s'] f = average s (fun a => average s' (fun b => f (h a b))).
Proof. by rewrite /average big_allpairs_dep size_allpairs -mulr_suml natrM invfM mulrA mulrAC. Qed.

Section Convex.
Variables (V : lmodType R).

Lemma jensen (F : V -> R) T (s : seq T) (f : T -> V) :
  convex F -> (0 < size s)%N -> F (mean s f) <= average s (fun a => F (f a)).
Proof.
move=> convF; elim: s => // a [_ _|b s IH _].
  by rewrite /mean /average !big_seq1 invr1 scale1r mulr1.
set k := size (b :: s); have k_gt0 : 0 < k%:R :> R by rewrite ltr0n.
have k1_neq0 : k.+1%:R != 0 :> R by rewrite pnatr_eq0.
pose r : R := k.+1%:R^-1.
have r_le1 : 0 <= r <= 1 by rewrite invr_ge0 ler0n /= invf_le1 ?ltr0n // ler1n.
have r1 : 1 - r = k%:R / k.+1%:R by apply: (mulIf k1_neq0); rewrite mulrBl mulVf ?divfK // mul1r natrS addrK.
have -> : mean (a :: b :: s) f = r *: f a + (1 - r) *: mean (b :: s) f.
  by rewrite /mean big_cons scalerDr -/k r1 scalerA mulrC mulrA mulVf ?mul1r ?gt_eqF.
have -> : average (a :: b :: s) (fun a => F (f a)) = r * F (f a) + (1 - r) * average (b :: s) (fun a => F (f a)).
  rewrite /average big_cons /= -/k r1 mulrDl [r * _]mulrC; congr (_ + _).
  by rewrite mulf_div [k%:R * _]mulrC -mulf_div divff ?gt_eqF // mulr1.
by apply: le_trans (convF _ _ _ r_le1) _; rewrite ler_add2l ler_wpmul2l ?IH //; case/andP: r_le1; rewrite subr_ge0.
Qed.

Lemma convex_average T (s : seq T) (F : T -> V -> R) : (forall a, convex (F a)) -> convex (fun v => average s (F^~ v)).
Proof.
move=> convF u v r r01; rewrite -!averageM -averageD.
by apply: average_le => a; apply: convF.
Qed.

Lemma convex_square : convex (fun r : [lmodType R of R^o] => r ^+ 2).
Proof.
move=> u v r /andP[r_ge0 r_le1]; rewrite -subr_ge0.
by rewrite squares_mix mulr_ge0 ?sqr_ge0 // mulr_ge0 ?subr_ge0.
Qed.
End Convex.
End Averages.
