(** Momentum as a run whose state holds weights and velocity. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions Momentum lemmas.Averages lemmas.Batches lemmas.Affine lemmas.OneBatch.
From sgdvar Require Import lemmas.Runs lemmas.Polynomials lemmas.Factor lemmas.Variance lemmas.Descent.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Momentum.
Variables (R : realFieldType) (n p : nat) (grad : 'I_n -> 'cV[R]_p -> 'cV[R]_p).
Variables (step_size momentum lookahead : nat -> R) (start : 'cV[R]_p).
Hypothesis grad_affine : forall i, affine (grad i).
Local Notation V := [lmodType R of ('cV[R]_p * 'cV[R]_p)%type].

Definition ahead s i (z : V) := grad i (z.1 + lookahead s *: z.2).
Definition momentum_step s i (z : V) : V :=
  let v := momentum s *: z.2 - step_size s *: ahead s i z in (z.1 + v, v).
Definition last_step t s i (z : V) : V := if s == t then (ahead s i z, 0) else momentum_step s i z.

Lemma affine_pair (U W X : lmodType R) (f : U -> W) (g : U -> X) :
  affine f -> affine g -> affine (fun u => (f u, g u) : [lmodType R of (W * X)%type]).
Proof. by move=> f_aff g_aff r u v; rewrite f_aff g_aff. Qed.

Lemma affine_fst : affine (fun z : V => z.1).
Proof. by move=> r u v; rewrite subr0. Qed.

Lemma affine_snd : affine (fun z : V => z.2).
Proof. by move=> r u v; rewrite subr0. Qed.

Lemma ahead_affine s i : affine (ahead s i).
Proof. by apply: affine_comp (grad_affine i) _; apply: affine_add affine_fst _; apply: affine_scale affine_snd. Qed.

Lemma momentum_step_affine : affine_steps momentum_step.
Proof.
move=> s i; have v_aff : affine (fun z : V => momentum s *: z.2 - step_size s *: ahead s i z).
  by apply: affine_sub; apply: affine_scale; [apply: affine_snd | apply: ahead_affine].
exact: affine_pair (affine_add affine_fst v_aff) v_aff.
Qed.

Lemma last_step_affine t : affine_steps (last_step t).
Proof.
move=> s i; rewrite /last_step; case: eqP => _; last exact: momentum_step_affine.
by apply: affine_pair; [apply: ahead_affine | apply: affine_cst].
Qed.

Lemma mean_pair (W X : lmodType R) T (s : seq T) (f : T -> W) (g : T -> X) :
  mean s (fun a => (f a, g a) : [lmodType R of (W * X)%type]) = (mean s f, mean s g).
Proof.
rewrite /mean; have -> : \sum_(a <- s) ((f a, g a) : [lmodType R of (W * X)%type]) =
  (\sum_(a <- s) f a, \sum_(a <- s) g a) by elim: s => [|a s IH]; rewrite ?big_nil // !big_cons IH.
by [].
Qed.

Lemma mean_momentum_step (B : batch n) s z : (0 < size B)%N -> mean B (fun i => momentum_step s i z) =
  let v := momentum s *: z.2 - step_size s *: gradient_ahead grad lookahead B s z in (z.1 + v, v).
Proof. by move=> B_gt0; rewrite mean_pair meanD meanB !mean_const // meanZ. Qed.

Section Lists.
Variables (Bs : seq (batch n)) (t : nat).
Hypothesis Bs_gt0 : forall s, (s < t)%N -> (0 < size (nth [::] Bs s))%N.

Lemma momentum_state s : (s <= t)%N ->
  weights_velocity grad step_size momentum lookahead start Bs s = state momentum_step (start, 0) Bs s.
Proof. by elim: s => //= s IH s_lt; rewrite mean_momentum_step ?Bs_gt0 // -IH // ltnW. Qed.

Lemma last_step_state s : (s <= t)%N -> state (last_step t) (start, 0) Bs s = state momentum_step (start, 0) Bs s.
Proof.
elim: s => // s IH s_lt /=; have {IH} -> := IH (ltnW s_lt).
by apply: eq_mean => i; rewrite {1}/last_step ltn_eqF.
Qed.

Lemma momentum_gradient_state : momentum_gradient grad step_size momentum lookahead start Bs t =
  (state (last_step t) (start, 0) Bs t.+1).1.
Proof.
rewrite /momentum_gradient momentum_state // stateS last_step_state //; set z := state _ _ _ _.
transitivity (mean (nth [::] Bs t) (fun i => (ahead t i z, 0) : V)).1; first by rewrite mean_pair.
by congr (_.1); apply: eq_mean => i; rewrite /last_step eqxx.
Qed.
End Lists.

Section Expectations.
Variables (d : design) (b : nat).
Hypothesis b_valid : valid n d b.

Lemma momentum_gradient_in t : {in batch_sequences n d b t.+1,
  momentum_gradient grad step_size momentum lookahead start ^~ t =1
  fun Bs => (state (last_step t) (start, 0) Bs t.+1).1}.
Proof.
move=> Bs /(sequence_gt0 b_valid) Bs_gt0; apply: momentum_gradient_state => s s_lt.
by apply: Bs_gt0; apply: ltnW.
Qed.

Lemma momentum_weights_in t : {in batch_sequences n d b t,
  momentum_weights grad step_size momentum lookahead start ^~ t =1
  fun Bs => (state momentum_step (start, 0) Bs t).1}.
Proof. by move=> Bs /(sequence_gt0 b_valid) Bs_gt0; rewrite -(momentum_state Bs_gt0). Qed.
End Expectations.

Lemma convex_fst (phi : 'cV[R]_p -> R) : convex phi -> convex (fun z : V => phi z.1).
Proof. by move=> phi_convex; apply: convex_affine phi_convex affine_fst. Qed.

Theorem momentum_weights_convex phi d b b' t : convex phi -> valid n d b -> valid n d b' -> (b <= b')%N ->
  average (batch_sequences n d b' t) (fun Bs => phi (momentum_weights grad step_size momentum lookahead start Bs t)) <=
  average (batch_sequences n d b t) (fun Bs => phi (momentum_weights grad step_size momentum lookahead start Bs t)).
Proof.
move=> phi_convex b_valid b'_valid bb'.
rewrite (eq_average_in (fun Bs Bs_in => congr1 phi (momentum_weights_in b'_valid Bs_in))).
rewrite [leRHS](eq_average_in (fun Bs Bs_in => congr1 phi (momentum_weights_in b_valid Bs_in))).
rewrite !(expect_average _ _ momentum_step _ (fun z => phi z.1)).
exact: expect_antitone momentum_step_affine (convex_fst phi_convex) b_valid b'_valid bb'.
Qed.

Theorem momentum_variance m (A : 'M_(m, p)) t : (0 < n)%N -> exists q, is_variance_polynomial n t.+1
  (fun d b => variance (batch_sequences n d b t.+1)
    (fun Bs => A *m momentum_gradient grad step_size momentum lookahead start Bs t)) q.
Proof.
move=> n_gt0; have [q [q_ge0 q_size q_0 q_V]] := variance_polynomial (start, 0) t.+1 (last_step_affine t)
  (affine_comp (affine_mulmx A) affine_fst) n_gt0.
exists q; split=> // d b b_valid; rewrite -q_V //.
by apply: eq_variance_in => Bs /(momentum_gradient_in b_valid) ->.
Qed.

Theorem momentum_antitone m (A : 'M_(m, p)) d b b' t (V := fun b =>
    variance (batch_sequences n d b t.+1)
      (fun Bs => A *m momentum_gradient grad step_size momentum lookahead start Bs t)) :
  valid n d b -> valid n d b' -> (b <= b')%N -> V b' <= V b.
Proof.
move=> b_valid; have [q [q_ge0 _ _ V_q]] := momentum_variance A t (valid_examples b_valid).
exact: (polynomial_antitone q_ge0 V_q).
Qed.
End Momentum.
