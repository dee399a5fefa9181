(** Stochastic gradient descent as a run, for example gradients that are affine in the weights. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.Batches lemmas.Affine lemmas.OneBatch lemmas.Runs.
From sgdvar Require Import lemmas.Polynomials lemmas.Factor lemmas.Variance.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Descent.
Variables (R : realFieldType) (n p : nat) (grad : 'I_n -> 'cV[R]_p -> 'cV[R]_p).
Variables (step_size : nat -> R) (start : 'cV[R]_p).
Hypothesis grad_affine : forall i, affine (grad i).

Definition weight_step s i w := w - step_size s *: grad i w.
(** The same, but step t returns the gradient. *)
Definition gradient_step t s i w := if s == t then grad i w else weight_step s i w.

Lemma weight_step_affine : affine_steps weight_step.
Proof. by move=> s i; apply: affine_sub (@affine_id _ _) (affine_scale _ (grad_affine i)). Qed.

Lemma gradient_step_affine t : affine_steps (gradient_step t).
Proof. by move=> s i; rewrite /gradient_step; case: eqP => _ //; apply: weight_step_affine. Qed.

Lemma mean_weight_step (B : batch n) s w : (0 < size B)%N ->
  mean B (fun i => weight_step s i w) = w - step_size s *: batch_gradient grad B w.
Proof. by move=> B_gt0; rewrite meanB mean_const // meanZ. Qed.

Section Lists.
Variables (Bs : seq (batch n)) (t : nat).
Hypothesis Bs_gt0 : forall s, (s < t)%N -> (0 < size (nth [::] Bs s))%N.

Lemma weights_state s : (s <= t)%N -> weights grad step_size start Bs s = state weight_step start Bs s.
Proof. by elim: s => //= s IH s_lt; rewrite mean_weight_step ?Bs_gt0 // -IH // ltnW. Qed.

Lemma gradient_step_state s : (s <= t)%N -> state (gradient_step t) start Bs s = state weight_step start Bs s.
Proof.
elim: s => // s IH s_lt /=; have {IH} -> := IH (ltnW s_lt).
by apply: eq_mean => i; rewrite {1}/gradient_step ltn_eqF.
Qed.

Lemma gradient_state : gradient grad step_size start Bs t = state (gradient_step t) start Bs t.+1.
Proof.
rewrite /gradient weights_state //= gradient_step_state //; apply: eq_mean => i.
by rewrite /gradient_step eqxx.
Qed.
End Lists.

Lemma descent_full t : (0 < n)%N -> full_state weight_step start t = descent grad step_size start t.
Proof. by move=> n_gt0; elim: t => //= t IH; rewrite mean_weight_step ?size_enum_ord // IH. Qed.

Lemma gradient_step_full t s : (s <= t)%N -> full_state (gradient_step t) start s = full_state weight_step start s.
Proof.
elim: s => // s IH s_lt /=; have {IH} -> := IH (ltnW s_lt).
by apply: eq_mean => i; rewrite {1}/gradient_step ltn_eqF.
Qed.

Lemma gradient_full t : (0 < n)%N ->
  full_state (gradient_step t) start t.+1 = full_gradient grad (descent grad step_size start t).
Proof.
move=> n_gt0; rewrite -descent_full //= gradient_step_full //; apply: eq_mean => i.
by rewrite {1}/gradient_step eqxx.
Qed.

Section Expectations.
Variables (d : design) (b : nat).
Hypothesis b_valid : valid n d b.

Lemma sequence_gt0 k Bs : Bs \in batch_sequences n d b k -> forall s, (s < k)%N -> (0 < size (nth [::] Bs s))%N.
Proof. by case/in_sequences=> _ Bs_in s /Bs_in/size_in_batches ->; apply: valid_gt0 b_valid. Qed.

Lemma weights_in t : {in batch_sequences n d b t,
  weights grad step_size start ^~ t =1 fun Bs => state weight_step start Bs t}.
Proof. by move=> Bs /sequence_gt0 Bs_gt0; apply: (weights_state Bs_gt0). Qed.

Lemma gradient_in t : {in batch_sequences n d b t.+1,
  gradient grad step_size start ^~ t =1 fun Bs => state (gradient_step t) start Bs t.+1}.
Proof. by move=> Bs /sequence_gt0 Bs_gt0; apply: gradient_state => s s_lt; apply: Bs_gt0; apply: ltnW. Qed.

Lemma expect_weightsE phi t :
  expect_weights grad step_size start phi d b t = expect d b weight_step t phi start.
Proof. by rewrite -expect_average; apply: eq_average_in => Bs /weights_in ->. Qed.

Lemma expect_gradientE phi t :
  expect_gradient grad step_size start phi d b t = expect d b (gradient_step t) t.+1 phi start.
Proof. by rewrite -expect_average; apply: eq_average_in => Bs /gradient_in ->. Qed.
End Expectations.

(** ** Every convex function *)
Theorem descent_weights_convex phi d b b' t : convex phi -> valid n d b -> valid n d b' -> (b <= b')%N ->
  expect_weights grad step_size start phi d b' t <= expect_weights grad step_size start phi d b t.
Proof. by move=> *; rewrite !expect_weightsE //; apply/expect_antitone => //; apply: weight_step_affine. Qed.

Theorem descent_gradient_convex phi d b b' t : convex phi -> valid n d b -> valid n d b' -> (b <= b')%N ->
  expect_gradient grad step_size start phi d b' t <= expect_gradient grad step_size start phi d b t.
Proof. by move=> *; rewrite !expect_gradientE //; apply/expect_antitone => //; apply: gradient_step_affine. Qed.

(** ** Means *)
Theorem descent_mean_weights d b t : valid n d b ->
  mean_weights grad step_size start d b t = descent grad step_size start t.
Proof.
move=> b_valid; rewrite -descent_full ?(valid_examples b_valid) //.
rewrite -(mean_state start t weight_step_affine (@affine_id _ _) b_valid).
by apply: eq_mean_in => Bs /(weights_in b_valid) ->.
Qed.

Theorem descent_mean_gradient m (A : 'M_(m, p)) d b t : valid n d b ->
  mean_gradient grad step_size start A d b t = A *m full_gradient grad (descent grad step_size start t).
Proof.
move=> b_valid; rewrite -gradient_full ?(valid_examples b_valid) //.
rewrite -(mean_state start t.+1 (gradient_step_affine t) (affine_mulmx A) b_valid).
by apply: eq_mean_in => Bs /(gradient_in b_valid) ->.
Qed.

(** ** Variances *)
Definition is_variance_polynomial k (V : design -> nat -> R) (q : {poly R}) :=
  [/\ forall j, 0 <= q`_j, (size q <= k.+1)%N, q`_0 = 0 &
      forall d b, valid n d b -> V d b = q.[variance_factor R n d b]].

Theorem descent_weights_variance m (A : 'M_(m, p)) t : (0 < n)%N -> exists q,
  is_variance_polynomial t (fun d b => weights_variance grad step_size start A d b t) q.
Proof.
move=> n_gt0; have [q [q_ge0 q_size q_0 q_V]] :=
  variance_polynomial start t weight_step_affine (affine_mulmx A) n_gt0.
exists q; split=> // d b b_valid; rewrite -q_V //.
by apply: eq_variance_in => Bs /(weights_in b_valid) ->.
Qed.

Theorem descent_gradient_variance m (A : 'M_(m, p)) t : (0 < n)%N -> exists q,
  is_variance_polynomial t.+1 (fun d b => gradient_variance grad step_size start A d b t) q.
Proof.
move=> n_gt0; have [q [q_ge0 q_size q_0 q_V]] :=
  variance_polynomial start t.+1 (gradient_step_affine t) (affine_mulmx A) n_gt0.
exists q; split=> // d b b_valid; rewrite -q_V //.
by apply: eq_variance_in => Bs /(gradient_in b_valid) ->.
Qed.

Theorem descent_full_gradient_variance m (A : 'M_(m, p)) t : (0 < n)%N -> exists q,
  is_variance_polynomial t (fun d b => full_gradient_variance grad step_size start A d b t) q.
Proof.
move=> n_gt0; have full_affine : affine (full_gradient grad) by apply: affine_of_mean.
have [q [q_ge0 q_size q_0 q_V]] :=
  variance_polynomial start t weight_step_affine (affine_comp (affine_mulmx A) full_affine) n_gt0.
exists q; split=> // d b b_valid; rewrite -q_V //.
by apply: eq_variance_in => Bs /(weights_in b_valid) ->.
Qed.

Theorem descent_full_gradient_antitone m (A : 'M_(m, p)) d b b' t : valid n d b -> valid n d b' -> (b <= b')%N ->
  full_gradient_variance grad step_size start A d b' t <= full_gradient_variance grad step_size start A d b t.
Proof.
move=> b_valid; have [q [q_ge0 _ _ V_q]] := descent_full_gradient_variance A t (valid_examples b_valid).
exact: (polynomial_antitone q_ge0 V_q).
Qed.

Theorem descent_weights_antitone m (A : 'M_(m, p)) d b b' t : valid n d b -> valid n d b' -> (b <= b')%N ->
  weights_variance grad step_size start A d b' t <= weights_variance grad step_size start A d b t.
Proof.
move=> b_valid; have [q [q_ge0 _ _ V_q]] := descent_weights_variance A t (valid_examples b_valid).
exact: (polynomial_antitone q_ge0 V_q).
Qed.

(** ** What follows for the variance of the gradient *)
Section Corollaries.
Variables (m : nat) (A : 'M[R]_(m, p)) (t : nat).
Local Notation V := (fun d b => gradient_variance grad step_size start A d b t).

Theorem descent_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N -> V d b' <= V d b.
Proof.
move=> b_valid; have [q [q_ge0 _ q_0 V_q]] := descent_gradient_variance A t (valid_examples b_valid).
exact: (polynomial_antitone q_ge0 V_q).
Qed.

Theorem descent_strict d b b' : valid n d b -> valid n d b' -> (b < b')%N -> V d b != 0 -> V d b' < V d b.
Proof.
move=> b_valid; have [q [q_ge0 _ q_0 V_q]] := descent_gradient_variance A t (valid_examples b_valid).
exact: (polynomial_strict q_ge0 q_0 V_q).
Qed.

Theorem descent_double d b : valid n d b -> valid n d b.*2 -> V d b.*2 <= 2%:R^-1 * V d b.
Proof.
move=> b_valid; have [q [q_ge0 _ q_0 V_q]] := descent_gradient_variance A t (valid_examples b_valid).
exact: (polynomial_double q_ge0 q_0 V_q).
Qed.

Theorem descent_all_examples : (0 < n)%N -> V WithoutReplacement n = 0.
Proof.
move=> n_gt0; have [q [_ _ q_0 V_q]] := descent_gradient_variance A t n_gt0.
exact: (polynomial_full q_0 V_q).
Qed.

Theorem descent_designs b : valid n WithoutReplacement b -> V WithoutReplacement b <= V WithReplacement b.
Proof.
move=> b_valid; have [q [q_ge0 _ _ V_q]] := descent_gradient_variance A t (valid_examples b_valid).
exact: (polynomial_designs q_ge0 V_q).
Qed.
End Corollaries.
End Descent.

(** The first step of any model. *)
Theorem one_step_variance (R : realFieldType) n p (grad : 'I_n -> 'cV[R]_p -> 'cV[R]_p) step_size start
    m (A : 'M_(m, p)) d b : valid n d b ->
  gradient_variance grad step_size start A d b 0 =
  variance_factor R n d b
  * average (enum 'I_n) (fun i => square_norm (A *m grad i start - A *m full_gradient grad start)).
Proof.
move=> b_valid; have n_gt0 := valid_examples b_valid.
have product B : (0 < size B)%N -> A *m batch_gradient grad B start = mean B (fun i => A *m grad i start).
  by move=> B_gt0; rewrite (mean_affine _ (affine_mulmx A)).
rewrite /full_gradient product ?size_enum_ord // -one_batch_variance //.
pose f Bs := A *m gradient grad step_size start Bs 0.
rewrite -[LHS]/(variance [seq B :: Bs | B <- batches n d b, Bs <- [:: [::]]] f).
rewrite /variance average_allpairs mean_allpairs.
have f_B : {in batches n d b, forall B, f [:: B] = mean B (fun i => A *m grad i start)}.
  by move=> B /size_in_batches B_size; rewrite /f /gradient /= product ?B_size ?(valid_gt0 b_valid).
have mean1 (U : lmodType R) (h : seq (batch n) -> U) : mean [:: [::]] h = h [::].
  by rewrite /mean big_seq1 invr1 scale1r.
rewrite (eq_mean_in (g := fun B => mean B (fun i => A *m grad i start))) => [|B B_in]; last by rewrite mean1 f_B.
by apply: eq_average_in => B B_in; rewrite /average big_seq1 divr1 f_B.
Qed.
