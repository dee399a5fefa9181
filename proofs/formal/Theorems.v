(** * What is proved, for every ordered field R

The words are those of Definitions.v, and the proofs are in lemmas/. [x \in s]: x is a member of the list s;
[{subset s <= s'}]: all members of s are members of s'; [uniq s]: no member occurs twice. [{poly R}] are polynomials,
[q`_k] is the coefficient of degree k, [q.[r]] the value at r, and [size q <= k.+1] says that the degree is at most k.
[[/\ P, Q & S]] is P and Q and S; [b.*2] is 2 b; [1%:M] is the identity matrix. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions Momentum Network lemmas.OneBatch lemmas.Sequences lemmas.Descent.
From sgdvar Require Import lemmas.Regression lemmas.MomentumRuns lemmas.NetworkValues.
Local Open Scope ring_scope.

(** ** Batches and sequences of batches are what their names say *)

(** Without replacement: each list of b examples in increasing order, that is, each set of b examples. *)
Theorem batches_without_replacement n b (B : batch n) :
  B \in batches n WithoutReplacement b <-> size B = b /\ sorted (fun i j : 'I_n => i < j)%N B.
Proof. exact: mem_subsets. Qed.

Theorem batches_with_replacement n b (B : batch n) : B \in batches n WithReplacement b <-> size B = b.
Proof. exact: mem_words. Qed.

Theorem sequences_of_batches n d b k Bs :
  Bs \in batch_sequences n d b k <-> size Bs = k /\ {subset Bs <= batches n d b}.
Proof. exact: mem_sequences. Qed.

Theorem each_batch_once n d b : uniq (batches n d b).
Proof. exact: batches_uniq. Qed.

Theorem each_sequence_once n d b k : uniq (batch_sequences n d b k).
Proof. exact: sequences_uniq. Qed.

(** ** One batch, values f i in any vector space: a larger batch has a less spread mean, for every convex F *)
Theorem one_batch_convex (R : realFieldType) (V : lmodType R) n (f : 'I_n -> V) (F : V -> R) d b b' :
  convex F -> valid n d b -> valid n d b' -> (b <= b')%N ->
  average (batches n d b') (fun B => F (mean B f)) <= average (batches n d b) (fun B => F (mean B f)).
Proof. exact: one_batch. Qed.

(** ** Every model, linear or not *)
Section AnyModel.
Variables (R : realFieldType) (n p : nat) (grad : 'I_n -> 'cV[R]_p -> 'cV[R]_p).
Variables (step_size : nat -> R) (start : 'cV[R]_p) (d : design) (b : nat).

(** The plain average over all sequences of batches can be taken batch by batch, from the first on... *)
Theorem expectation_from_the_first_batch phi t :
  expect_weights grad step_size start phi d b t.+1 =
  average (batches n d b) (fun B =>
    expect_weights grad (fun s => step_size s.+1) (start - step_size 0 *: batch_gradient grad B start) phi d b t).
Proof. exact: expect_first_step. Qed.

(** ... or with the last batch inside, given the weights before it. *)
Theorem expectation_given_the_weights phi t :
  expect_gradient grad step_size start phi d b t =
  expect_weights grad step_size start (fun w => average (batches n d b) (fun B => phi (batch_gradient grad B w))) d b t.
Proof. exact: expect_last_step. Qed.

Theorem later_batches_change_nothing (phi : 'cV[R]_p -> R) t k : valid n d b ->
  average (batch_sequences n d b (t + k)) (fun Bs => phi (weights grad step_size start Bs t)) =
  expect_weights grad step_size start phi d b t.
Proof. exact: later_batches_do_not_matter. Qed.

(** The variance of the first gradient: the variance factor times the variance over the examples. *)
Theorem first_gradient_variance m (A : 'M_(m, p)) : valid n d b ->
  gradient_variance grad step_size start A d b 0 =
  variance_factor R n d b
  * average (enum 'I_n) (fun i => square_norm (A *m grad i start - A *m full_gradient grad start)).
Proof. exact: one_step_variance. Qed.
End AnyModel.

(** ** Linear regression, with step sizes of any sign and size *)
Section LinearRegression.
Variables (R : realFieldType) (n p : nat) (x : 'I_n -> 'cV[R]_p) (y : 'I_n -> R) (decay : R).
Variables (step_size : nat -> R) (start : 'cV[R]_p) (m : nat) (A : 'M[R]_(m, p)) (t : nat).
Local Notation grad := (regression_gradient x y decay).
Local Notation L := (loss x y decay).
Local Notation descent := (descent grad step_size start).
Local Notation expect_weights := (expect_weights grad step_size start).
Local Notation expect_gradient := (expect_gradient grad step_size start).
Local Notation gradient_variance := (gradient_variance grad step_size start A).
Local Notation c := (variance_factor R n).

(** The average of the example gradients is the gradient of the loss: what is left are squares of h. *)
Theorem gradient_of_the_loss w h : (0 < n)%N ->
  L (w + h) = L w + ((full_gradient grad w)^T *m h) 0 0
    + (average (enum 'I_n) (fun i => ((x i)^T *m h) 0 0 ^+ 2 / 2%:R) + decay / 2%:R * square_norm h).
Proof. exact: loss_expansion. Qed.

(** *** Convex functions: their expected values do not increase in the batch size *)
Theorem weights_convex_order phi d b b' : convex phi -> valid n d b -> valid n d b' -> (b <= b')%N ->
  expect_weights phi d b' t <= expect_weights phi d b t.
Proof. exact/descent_weights_convex/regression_affine. Qed.

Theorem gradient_convex_order phi d b b' : convex phi -> valid n d b -> valid n d b' -> (b <= b')%N ->
  expect_gradient phi d b' t <= expect_gradient phi d b t.
Proof. exact/descent_gradient_convex/regression_affine. Qed.

Theorem second_moment_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N ->
  expect_gradient (fun g => square_norm (A *m g)) d b' t <= expect_gradient (fun g => square_norm (A *m g)) d b t.
Proof. exact/gradient_convex_order/square_norm_convex. Qed.

Theorem full_gradient_second_moment_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N ->
  expect_weights (fun w => square_norm (A *m full_gradient grad w)) d b' t <=
  expect_weights (fun w => square_norm (A *m full_gradient grad w)) d b t.
Proof. exact/weights_convex_order/full_gradient_convex. Qed.

Theorem expected_loss_antitone d b b' : 0 <= decay -> valid n d b -> valid n d b' -> (b <= b')%N ->
  expect_weights L d b' t <= expect_weights L d b t.
Proof. by move=> decay_ge0; apply/weights_convex_order/loss_convex. Qed.

(** *** Means: the same for every batch size, those of gradient descent on all examples *)
Theorem mean_weights_constant d b : valid n d b -> mean_weights grad step_size start d b t = descent t.
Proof. exact/descent_mean_weights/regression_affine. Qed.

Theorem mean_gradient_constant d b : valid n d b ->
  mean_gradient grad step_size start A d b t = A *m full_gradient grad (descent t).
Proof. exact/descent_mean_gradient/regression_affine. Qed.

(** *** Variances: one polynomial in c(b) for all batch sizes and both designs; no coefficient is negative *)
Theorem gradient_variance_polynomial : (0 < n)%N -> exists q : {poly R},
  [/\ forall k, 0 <= q`_k, (size q <= t.+2)%N, q`_0 = 0 &
      forall d b, valid n d b -> gradient_variance d b t = q.[c d b]].
Proof. exact/descent_gradient_variance/regression_affine. Qed.

Theorem full_gradient_variance_polynomial : (0 < n)%N -> exists q : {poly R},
  [/\ forall k, 0 <= q`_k, (size q <= t.+1)%N, q`_0 = 0 &
      forall d b, valid n d b -> full_gradient_variance grad step_size start A d b t = q.[c d b]].
Proof. exact/descent_full_gradient_variance/regression_affine. Qed.

Theorem weights_variance_polynomial : (0 < n)%N -> exists q : {poly R},
  [/\ forall k, 0 <= q`_k, (size q <= t.+1)%N, q`_0 = 0 &
      forall d b, valid n d b -> weights_variance grad step_size start A d b t = q.[c d b]].
Proof. exact/descent_weights_variance/regression_affine. Qed.

(** The expected loss likewise; its constant coefficient is the loss of gradient descent on all examples. *)
Theorem expected_loss_polynomial : 0 <= decay -> (0 < n)%N -> exists q : {poly R},
  [/\ forall k, 0 <= q`_k, (size q <= t.+1)%N, q`_0 = L (descent t) &
      forall d b, valid n d b -> expect_weights L d b t = q.[c d b]].
Proof. exact: Regression.expected_loss_polynomial. Qed.

(** *** What follows for the variances *)
Theorem gradient_variance_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N ->
  gradient_variance d b' t <= gradient_variance d b t.
Proof. exact/descent_antitone/regression_affine. Qed.

Theorem full_gradient_variance_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N ->
  full_gradient_variance grad step_size start A d b' t <= full_gradient_variance grad step_size start A d b t.
Proof. exact/descent_full_gradient_antitone/regression_affine. Qed.

Theorem weights_variance_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N ->
  weights_variance grad step_size start A d b' t <= weights_variance grad step_size start A d b t.
Proof. exact/descent_weights_antitone/regression_affine. Qed.

(** The variance of the gradient decreases strictly wherever it is not 0. *)
Theorem gradient_variance_strict d b b' : valid n d b -> valid n d b' -> (b < b')%N ->
  gradient_variance d b t != 0 -> gradient_variance d b' t < gradient_variance d b t.
Proof. exact/descent_strict/regression_affine. Qed.

Theorem gradient_variance_double d b : valid n d b -> valid n d b.*2 ->
  gradient_variance d b.*2 t <= 2%:R^-1 * gradient_variance d b t.
Proof. exact/descent_double/regression_affine. Qed.

Theorem gradient_variance_all_examples : (0 < n)%N -> gradient_variance WithoutReplacement n t = 0.
Proof. exact/descent_all_examples/regression_affine. Qed.

Theorem gradient_variance_designs b : valid n WithoutReplacement b ->
  gradient_variance WithoutReplacement b t <= gradient_variance WithReplacement b t.
Proof. exact/descent_designs/regression_affine. Qed.
End LinearRegression.

(** ** Linear regression with momentum (definitions in Momentum.v): heavy ball, Nesterov *)
Section WithMomentum.
Variables (R : realFieldType) (n p : nat) (x : 'I_n -> 'cV[R]_p) (y : 'I_n -> R) (decay : R).
Variables (step_size momentum lookahead : nat -> R) (start : 'cV[R]_p) (m : nat) (A : 'M[R]_(m, p)) (t : nat).
Local Notation grad := (regression_gradient x y decay).
Local Notation weights := (momentum_weights grad step_size momentum lookahead start).
Local Notation gradient := (momentum_gradient grad step_size momentum lookahead start).

Theorem momentum_weights_convex_order phi d b b' : convex phi -> valid n d b -> valid n d b' -> (b <= b')%N ->
  average (batch_sequences n d b' t) (fun Bs => phi (weights Bs t)) <=
  average (batch_sequences n d b t) (fun Bs => phi (weights Bs t)).
Proof. exact/momentum_weights_convex/regression_affine. Qed.

Theorem momentum_gradient_variance_polynomial : (0 < n)%N -> exists q : {poly R},
  [/\ forall k, 0 <= q`_k, (size q <= t.+2)%N, q`_0 = 0 &
      forall d b, valid n d b ->
        variance (batch_sequences n d b t.+1) (fun Bs => A *m gradient Bs t) = q.[variance_factor R n d b]].
Proof. exact/momentum_variance/regression_affine. Qed.

Theorem momentum_gradient_variance_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N ->
  variance (batch_sequences n d b' t.+1) (fun Bs => A *m gradient Bs t) <=
  variance (batch_sequences n d b t.+1) (fun Bs => A *m gradient Bs t).
Proof. exact/momentum_antitone/regression_affine. Qed.
End WithMomentum.

(** ** Two layers (definitions in Network.v): a refutation *)
Section Refutation.
Variable R : realFieldType.

Theorem network_gradient_of_the_loss n (x y : 'I_n -> R) (w h : 'cV_2) : (0 < n)%N ->
  network_loss x y (w + h) = network_loss x y w + ((full_gradient (network_gradient x y) w)^T *m h) 0 0
    + average (enum 'I_n) (fun i => network_residual x y i w * x i * (h 0 0 * h 1 0)
        + ((w 1 0 * h 0 0 + h 1 0 * w 0 0 + h 1 0 * h 0 0) * x i) ^+ 2 / 2%:R).
Proof. exact: network_expansion. Qed.

(** After one step with step size 1/4 the variance is 0 for batches of 1, and is not 0 for batches of 2. *)
Theorem network_variance_increases d :
  let V b := gradient_variance (network_gradient (@example_input R) (@example_target R))
    (fun=> 1 / 4%:R) (@example_start R) 1%:M d b 1 in
  V 1%N = 0 /\ 0 < V 2%N.
Proof. exact: network_increase. Qed.
End Refutation.
