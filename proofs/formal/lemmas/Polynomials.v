(** Expected sums of squares are polynomials in the variance factor, with no negative coefficient. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Identities lemmas.Averages lemmas.Batches lemmas.Affine.
From sgdvar Require Import lemmas.OneBatch lemmas.Runs.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section SumsOfSquares.
Variables (R : realFieldType) (n : nat) (V : lmodType R).
Implicit Type step : nat -> 'I_n -> V -> V.

(** The polynomial q z is a sum of terms r a(z)^2 X^j with r >= 0, j <= k and a an affine function. *)
Inductive squares k : (V -> {poly R}) -> Prop :=
| squares0 : squares k (fun=> 0)
| squaresD r j a q of 0 <= r & (j <= k)%N & affine_form a & squares k q :
    squares k (fun z => (r * a z ^+ 2) *: 'X^j + q z)
| squares_ext q q' of q =1 q' & squares k q : squares k q'.

Lemma squares_add k q q' : squares k q -> squares k q' -> squares k (fun z => q z + q' z).
Proof.
move=> + q'_sq; elim=> [|r j a q0 r_ge0 j_le a_aff _ IH|q0 q1 q01 _ IH].
- by apply: squares_ext q'_sq => z; rewrite add0r.
- apply: (squares_ext (q := fun z => (r * a z ^+ 2) *: 'X^j + (q0 z + q' z))) => [z|]; first by rewrite addrA.
  exact: squaresD.
by apply: squares_ext IH => z; rewrite q01.
Qed.

Lemma squares_term k r j a : 0 <= r -> (j <= k)%N -> affine_form a -> squares k (fun z => (r * a z ^+ 2) *: 'X^j).
Proof.
move=> r_ge0 j_le a_aff; apply: squares_ext (squaresD r_ge0 j_le a_aff (squares0 _)) => z.
by rewrite addr0.
Qed.

Lemma squares_sum k I (s : seq I) (q : I -> V -> {poly R}) :
  (forall i, squares k (q i)) -> squares k (fun z => \sum_(i <- s) q i z).
Proof.
move=> q_sq; elim: s => [|i s IH]; first by apply: squares_ext (squares0 _) => z; rewrite big_nil.
by apply: squares_ext (squares_add (q_sq i) IH) => z; rewrite big_cons.
Qed.

Lemma coef_squares k q z j : squares k q -> 0 <= (q z)`_j.
Proof.
elim=> [|r i a q0 r_ge0 _ _ _ IH|q0 q1 q01 _ IH]; rewrite ?coef0 -?q01 //.
rewrite coefD coefZ coefXn addr_ge0 //.
by apply: mulr_ge0; rewrite ?ler0n // mulr_ge0 ?sqr_ge0.
Qed.

Lemma size_squares k q z : squares k q -> (size (q z) <= k.+1)%N.
Proof.
elim=> [|r i a q0 _ i_le _ _ IH|q0 q1 q01 _ IH]; rewrite ?size_poly0 -?q01 //.
rewrite (leq_trans (size_add _ _)) // geq_max IH andbT (leq_trans (size_scale_leq _ _)) //.
by rewrite size_polyXn.
Qed.

(** One step raises the degree by one. *)
Section OneStep.
Variable step : nat -> 'I_n -> V -> V.
Hypotheses (step_affine : affine_steps step) (n_gt0 : (0 < n)%N).
Local Notation all := (enum 'I_n).

Lemma squares_step k q : squares k q -> exists2 q', squares k.+1 q' &
  (forall z, (q' z).[0] = (q (move step all z)).[0]) /\
  (forall d b z, valid n d b ->
    average (batches n d b) (fun B => (q (move step B z)).[variance_factor R n d b]) =
    (q' z).[variance_factor R n d b]).
Proof.
elim=> [|r j a q0 r_ge0 j_le a_aff q0_sq [q1 q1_sq [q1_full q1_exp]]|q0 q1 q01 q0_sq [q' q'_sq [q'_full q'_exp]]].
- exists (fun=> 0); first exact: squares0.
  by split=> [z|d b z b_valid]; rewrite !horner0 // average_const ?batches_gt0.
- pose s i z := a (step 0%N i z); pose m z := average all (s^~ z).
  have s_aff i : affine_form (s i) by apply: (affine_comp a_aff (step_affine 0%N i)).
  have m_aff : affine_form m by apply: affine_form_average.
  pose spread z := \sum_(i <- all) ((r / n%:R) * (s i z - m z) ^+ 2) *: 'X^j.+1.
  exists (fun z => ((r * m z ^+ 2) *: 'X^j + spread z) + q1 z).
    apply: squares_add q1_sq; apply: squares_add.
      by apply: squares_term; rewrite // ltnW.
    apply: squares_sum => i; apply: squares_term; rewrite ?mulr_ge0 ?invr_ge0 ?ler0n //.
    exact: (@affine_sub _ _ [lmodType R of R^o] (s i) m (s_aff i) m_aff).
  have moved B z : (0 < size B)%N -> a (move step B z) = average B (s^~ z).
    by move=> B_gt0; rewrite -average_affine.
  have horner_new c z : (((r * m z ^+ 2) *: 'X^j + spread z) + q1 z).[c] =
      r * c ^+ j * (m z ^+ 2 + c * average all (fun i => (s i z - m z) ^+ 2)) + (q1 z).[c].
    rewrite !hornerD hornerZ hornerXn horner_sum; congr (_ + _).
    rewrite mulrDr mulrAC; congr (_ + _).
    rewrite (eq_bigr (fun i => r / n%:R * (c ^+ j * c) * (s i z - m z) ^+ 2)) => [|i _]; last first.
      by rewrite hornerZ hornerXn [c ^+ j.+1]exprSr [RHS]mulrAC.
    by rewrite -mulr_sumr /average size_enum_ord spread_term.
  split=> [z|d b z b_valid]; rewrite horner_new.
    rewrite hornerD hornerZ hornerXn q1_full moved ?size_enum_ord //.
    by rewrite mul0r addr0 mulrAC.
  rewrite -q1_exp // -second_moment // -averageM -averageD; apply: eq_average_in => B /size_in_batches sizeB.
  by rewrite hornerD hornerZ hornerXn moved ?sizeB ?(valid_gt0 b_valid) // mulrAC.
exists q' => //; split=> [z|d b z b_valid]; rewrite -?q01 //.
by rewrite -q'_exp //; apply: eq_average => B; rewrite q01.
Qed.
End OneStep.

Lemma expect_squares_from k0 k step q : (0 < n)%N -> affine_steps step -> squares k0 q ->
  exists2 q', squares (k0 + k) q' & (forall z, (q' z).[0] = (q (full_state step z k)).[0]) /\
    (forall d b z, valid n d b ->
      expect d b step k (fun v => (q v).[variance_factor R n d b]) z = (q' z).[variance_factor R n d b]).
Proof.
move=> n_gt0; elim: k step => [|k IH] step step_aff q_sq; first by exists q; rewrite ?addn0.
have [q1 q1_sq [q1_full q1_exp]] := IH _ (affine_later step_aff) q_sq.
have [q' q'_sq [q'_full q'_exp]] := squares_step step_aff n_gt0 q1_sq.
exists q'; rewrite ?addnS //; split=> [z|d b z b_valid]; first by rewrite full_state_later q'_full.
by rewrite -q'_exp //=; apply: eq_average => B; rewrite q1_exp.
Qed.

(** A sum of terms r a(z)^2, r >= 0. *)
Theorem expect_squares step k z I (s : seq I) (r : I -> R) (a : I -> V -> R) (F : V -> R) :
  (0 < n)%N -> affine_steps step -> (forall i, 0 <= r i) -> (forall i, affine_form (a i)) ->
  F =1 (fun v => \sum_(i <- s) r i * a i v ^+ 2) -> exists q : {poly R},
  [/\ forall j, 0 <= q`_j, (size q <= k.+1)%N, q.[0] = F (full_state step z k) &
      forall d b, valid n d b -> expect d b step k F z = q.[variance_factor R n d b]].
Proof.
move=> n_gt0 step_aff r_ge0 a_aff F_eq; pose q v := \sum_(i <- s) (r i * a i v ^+ 2) *: 'X^0 : {poly R}.
have q_sq : squares 0 q by apply: squares_sum => i; apply: squares_term.
have qE c v : (q v).[c] = F v.
  by rewrite F_eq horner_sum; apply: eq_bigr => i _; rewrite hornerZ hornerXn expr0 mulr1.
have [q' q'_sq [q'_full q'_exp]] := expect_squares_from k n_gt0 step_aff q_sq.
exists (q' z); split=> [j||| d b b_valid]; first exact: coef_squares q'_sq.
- exact: size_squares q'_sq.
- by rewrite q'_full qE.
rewrite -q'_exp //; elim: (k) (step) (z) => [|l IH] step' z' /=; first by rewrite qE.
by apply: eq_average => B; apply: IH.
Qed.
End SumsOfSquares.
