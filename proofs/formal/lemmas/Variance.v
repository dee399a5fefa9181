(** Mean and variance of an affine function of the state at the end of a run. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.Batches lemmas.Affine lemmas.OneBatch lemmas.Runs.
From sgdvar Require Import lemmas.Polynomials lemmas.Factor.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Lemma eq_variance_in (R : realFieldType) (T : eqType) m (s : seq T) (f g : T -> 'cV[R]_m) :
  {in s, f =1 g} -> variance s f = variance s g.
Proof. by move=> fg; apply: eq_average_in => a /fg ->; rewrite (eq_mean_in fg). Qed.

Lemma mean_coordinate (R : realFieldType) T m (s : seq T) (f : T -> 'cV[R]_m) i :
  mean s f i 0 = average s (fun a => f a i 0).
Proof. by rewrite mxE summxE mulrC. Qed.

Section Variance.
Variables (R : realFieldType) (n : nat) (V : lmodType R) (step : nat -> 'I_n -> V -> V) (z : V) (k m : nat).
Variable G : V -> 'cV[R]_m.
Hypotheses (step_affine : affine_steps step) (G_affine : affine G).
Local Notation outcomes := (fun Bs => G (state step z Bs k)).

Lemma affine_entry i : affine_form (fun v => G v i 0).
Proof. by move=> r u v; rewrite G_affine !mxE. Qed.

Lemma mean_state d b : valid n d b -> mean (batch_sequences n d b k) outcomes = G (full_state step z k).
Proof.
move=> b_valid; apply/colP => i; rewrite mean_coordinate (expect_average _ _ _ _ (fun v => G v i 0)).
by rewrite expect_affine //; apply: affine_entry.
Qed.

(** A weighted sum of squares of entries. *)
Lemma variance_polynomial : (0 < n)%N -> exists q : {poly R},
  [/\ forall j, 0 <= q`_j, (size q <= k.+1)%N, q`_0 = 0 &
      forall d b, valid n d b -> variance (batch_sequences n d b k) outcomes = q.[variance_factor R n d b]].
Proof.
move=> n_gt0; set g := G (full_state step z k).
have [] := @expect_squares R n V step k z 'I_m (index_enum _) (fun=> 1) (fun i v => G v i 0 - g i 0)
  (fun v => square_norm (G v - g)) n_gt0 step_affine.
- by move=> i; apply: ler01.
- move=> i; apply: (@affine_sub _ _ [lmodType R of R^o] _ (fun=> g i 0)); first exact: affine_entry.
  exact: affine_cst.
- by move=> v; apply: eq_bigr => i _; rewrite !mxE mul1r.
move=> q [q_ge0 q_size q_0 q_exp]; exists q; split=> // [|d b b_valid].
  rewrite -horner_coef0 q_0 /square_norm big1 // => i _.
  by rewrite !mxE subrr expr0n.
by rewrite -q_exp // /variance mean_state // -expect_average.
Qed.
End Variance.

(** What follows from the polynomial. *)
Section Consequences.
Variables (R : realFieldType) (n : nat) (q : {poly R}) (V : design -> nat -> R).
Hypotheses (q_ge0 : forall j, 0 <= q`_j) (q_0 : q`_0 = 0).
Hypothesis V_q : forall d b, valid n d b -> V d b = q.[variance_factor R n d b].

Lemma polynomial_antitone d b b' : valid n d b -> valid n d b' -> (b <= b')%N -> V d b' <= V d b.
Proof.
move=> b_valid b'_valid; rewrite leq_eqVlt => /predU1P[-> //|bb']; rewrite !V_q //.
by apply: horner_le; rewrite // ?(factor_ge0 _ b'_valid) // ltW // factor_next.
Qed.

Lemma polynomial_strict d b b' : valid n d b -> valid n d b' -> (b < b')%N -> V d b != 0 -> V d b' < V d b.
Proof.
move=> b_valid b'_valid bb'; rewrite !V_q // => V_neq0.
by apply: horner_lt; rewrite // ?(factor_ge0 _ b'_valid) // factor_next.
Qed.

Lemma polynomial_double d b : valid n d b -> valid n d b.*2 -> V d b.*2 <= 2%:R^-1 * V d b.
Proof.
move=> b_valid b2_valid; rewrite !V_q //; have c_ge0 := factor_ge0 R b_valid.
apply: le_trans (horner_le q_ge0 (factor_ge0 _ b2_valid) (factor_double _ b_valid b2_valid)) _.
by apply: horner_scale; rewrite // invr_ge0 ler0n invf_le1 ?ltr0n ?ler1n.
Qed.

Lemma polynomial_full : (0 < n)%N -> V WithoutReplacement n = 0.
Proof. by move=> n_gt0; rewrite V_q ?factor_full ?horner_coef0 //= n_gt0 leqnn. Qed.

Lemma polynomial_designs b : valid n WithoutReplacement b -> V WithoutReplacement b <= V WithReplacement b.
Proof.
move=> b_valid; have b'_valid : valid n WithReplacement b.
  by rewrite /= (valid_gt0 b_valid) (valid_examples b_valid).
rewrite !V_q //; apply: horner_le; rewrite ?(factor_ge0 _ b_valid) //.
exact: factor_designs.
Qed.
End Consequences.

(** The first step, for any example gradients. *)
Section OneBatch.
Variables (R : realFieldType) (n : nat) (d : design) (b m : nat) (g : 'I_n -> 'cV[R]_m).

Lemma one_batch_variance : valid n d b ->
  variance (batches n d b) (fun B => mean B g) =
  variance_factor R n d b * average (enum 'I_n) (fun i => square_norm (g i - mean (enum 'I_n) g)).
Proof.
move=> b_valid; have n_gt0 := valid_examples b_valid; rewrite /variance batch_mean // !average_sum mulr_sumr.
apply: eq_bigr => k _; set e := mean (enum 'I_n) g; pose s i := g i k 0 - e k 0.
have s_0 : average (enum 'I_n) s = 0.
  have := mean_coordinate (enum 'I_n) g k; rewrite -/e => e_k.
  by rewrite averageD -e_k average_const ?size_enum_ord // subrr.
rewrite (eq_average (enum 'I_n) (_ : _ =1 fun i => s i ^+ 2)) => [|i]; last by rewrite [X in X ^+ 2]mxE [(- e) k 0]mxE.
rewrite -second_moment_centred //; apply: eq_average_in => B /size_in_batches B_size.
congr (_ ^+ 2); rewrite averageD average_const ?B_size ?(valid_gt0 b_valid) //.
by rewrite [LHS]mxE mean_coordinate [(- e) k 0]mxE.
Qed.
End OneBatch.
