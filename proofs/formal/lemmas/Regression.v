(** Linear regression: the gradient of an example is affine in the weights, the loss is a sum of squares. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Identities lemmas.Averages lemmas.Affine lemmas.OneBatch lemmas.Runs.
From sgdvar Require Import lemmas.Polynomials lemmas.Variance lemmas.Descent.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Convexity.
Variables (R : realFieldType) (V : lmodType R).

Lemma convex_sum_squares I (s : seq I) (r : I -> R) (a : I -> V -> R) (F : V -> R) :
  (forall i, 0 <= r i) -> (forall i, affine_form (a i)) -> F =1 (fun v => \sum_(i <- s) r i * a i v ^+ 2) -> convex F.
Proof.
move=> r_ge0 a_aff F_eq u v k k01; rewrite !F_eq !mulr_sumr -big_split; apply: ler_sum => i _ /=.
rewrite [k * _]mulrCA [(1 - k) * _]mulrCA -mulrDr ler_wpmul2l //.
exact: (@convex_affine R V [lmodType R of R^o] (fun r => r ^+ 2) (a i) (@convex_square R) (a_aff i) u v k k01).
Qed.
End Convexity.

Section Regression.
Variables (R : realFieldType) (n p : nat) (x : 'I_n -> 'cV[R]_p) (y : 'I_n -> R) (decay : R).
Local Notation grad := (regression_gradient x y decay).

Lemma residual_add i w h : residual x y i (w + h) = residual x y i w + ((x i)^T *m h) 0 0.
Proof. by rewrite /residual mulmxDr mxE addrAC. Qed.

Lemma residual_affine i : affine_form (residual x y i).
Proof.
move=> r u v; rewrite [r *: u + v]addrC residual_add -scalemxAr mxE [RHS]addrC; congr (_ + _ * _).
by rewrite /residual mulmx0 [(0 : 'M_1) 0 0]mxE sub0r opprK subrK.
Qed.

Lemma regression_affine i : affine (grad i).
Proof.
apply: affine_add => [r u v|]; last by apply: affine_scale; apply: affine_id.
by rewrite residual_affine [LHS]scalerDl -[in RHS]scalerBl scalerA.
Qed.

Lemma square_norm_add (w h : 'cV[R]_p) :
  square_norm (w + h) = square_norm w + (w^T *m h) 0 0 *+ 2 + square_norm h.
Proof.
rewrite /square_norm mxE -sumrMnl -!big_split; apply: eq_bigr => j _.
by rewrite !mxE sqrrD.
Qed.

Lemma product_affine (h : 'cV[R]_p) : affine_form (fun w : 'cV[R]_p => (w^T *m h) 0 0).
Proof.
move=> r u v; rewrite linearD linearZ mulmxDl -scalemxAl trmx0 mul0mx [(0 : 'M_1) 0 0]mxE subr0.
by rewrite [LHS]mxE [X in X + _]mxE.
Qed.

(** The loss grows by the full gradient, up to squares: what makes it the gradient of the loss. *)
Lemma loss_expansion w h : (0 < n)%N -> loss x y decay (w + h) =
  loss x y decay w + ((full_gradient grad w)^T *m h) 0 0
  + (average (enum 'I_n) (fun i => ((x i)^T *m h) 0 0 ^+ 2 / 2%:R) + decay / 2%:R * square_norm h).
Proof.
move=> n_gt0; have all_gt0 : (0 < size (enum 'I_n))%N by rewrite size_enum_ord.
rewrite -(average_affine _ (product_affine h)) //.
rewrite (eq_average _ (_ : _ =1 fun i => residual x y i w * ((x i)^T *m h) 0 0 + decay * (w^T *m h) 0 0)); last first.
  by move=> i; rewrite linearD !linearZ mulmxDl -!scalemxAl !mxE.
rewrite averageD average_const // /loss square_norm_add.
rewrite [in LHS](eq_average _ (_ : _ =1 fun i => residual x y i w ^+ 2 / 2%:R + (residual x y i w * ((x i)^T *m h) 0 0
                                         + ((x i)^T *m h) 0 0 ^+ 2 / 2%:R))); last first.
  by move=> i; rewrite residual_add expand_half.
by rewrite !averageD expand_loss.
Qed.

Let terms : seq ('I_n + 'I_p) := [seq inl i | i <- enum 'I_n] ++ [seq inr j | j <- enum 'I_p].
Let factor (k : 'I_n + 'I_p) : R := if k is inl _ then 2%:R^-1 / n%:R else decay / 2%:R.
Let root (k : 'I_n + 'I_p) w : R := match k with inl i => residual x y i w | inr j => w j 0 end.

Lemma loss_squares w : loss x y decay w = \sum_(k <- terms) factor k * root k w ^+ 2.
Proof.
rewrite big_cat /= [X in X + _]big_map [X in _ + X]big_map /=.
rewrite /loss /square_norm /average size_enum_ord -!mulr_sumr; congr (_ + _ * _).
  by rewrite -mulr_suml -mulrA mulrC.
by rewrite big_enum.
Qed.

Lemma factor_ge0 : 0 <= decay -> forall k, 0 <= factor k.
Proof. by move=> decay_ge0 [i|j]; rewrite /factor ?mulr_ge0 ?divr_ge0 ?invr_ge0 ?ler0n. Qed.

Lemma root_affine k : affine_form (root k).
Proof. by case: k => [i|j]; [apply: residual_affine | apply: affine_coordinate]. Qed.

Lemma square_norm_convex m (A : 'M[R]_(m, p)) : convex (fun v : 'cV[R]_p => square_norm (A *m v)).
Proof.
apply: (@convex_sum_squares _ _ 'I_m (index_enum _) (fun=> 1) (fun k v => (A *m v) k 0)) => [k||v].
- exact: ler01.
- exact: (affine_entry (affine_mulmx A)).
by apply: eq_bigr => k _; rewrite mul1r.
Qed.

Lemma full_gradient_convex m (A : 'M[R]_(m, p)) : convex (fun w => square_norm (A *m full_gradient grad w)).
Proof. by apply: convex_affine (square_norm_convex A) _; apply: affine_of_mean; apply: regression_affine. Qed.

Lemma loss_convex : 0 <= decay -> convex (loss x y decay).
Proof. by move=> decay_ge0; apply: convex_sum_squares (factor_ge0 decay_ge0) root_affine loss_squares. Qed.

Lemma expected_loss_polynomial step_size start t : 0 <= decay -> (0 < n)%N -> exists q : {poly R},
  [/\ forall k, 0 <= q`_k, (size q <= t.+1)%N, q`_0 = loss x y decay (descent grad step_size start t) &
      forall d b, valid n d b ->
        expect_weights grad step_size start (loss x y decay) d b t = q.[variance_factor R n d b]].
Proof.
move=> decay_ge0 n_gt0; have steps_affine := weight_step_affine step_size regression_affine.
have [q [q_ge0 q_size q_0 q_L]] :=
  expect_squares t start n_gt0 steps_affine (factor_ge0 decay_ge0) root_affine loss_squares.
exists q; split=> // [|d b b_valid]; first by rewrite -horner_coef0 q_0 descent_full.
by rewrite expect_weightsE // q_L.
Qed.
End Regression.
