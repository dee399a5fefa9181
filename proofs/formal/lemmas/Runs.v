(** Many steps: a state that moves by the batch mean of maps, one map for each example.

Everything that depends on batches through such a run is covered: the weights, the gradient (a last map that returns it
in place of the next weights), momentum (the state holds two vectors). *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.Batches lemmas.Affine lemmas.OneBatch.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Sequences.
Variables (n : nat) (d : design) (b : nat).

Lemma sequences_gt0 k : valid n d b -> (0 < size (batch_sequences n d b k))%N.
Proof. by move=> b_valid; elim: k => //= k IH; rewrite size_allpairs muln_gt0 batches_gt0. Qed.

Lemma in_sequences k Bs : Bs \in batch_sequences n d b k ->
  size Bs = k /\ (forall j, (j < k)%N -> nth [::] Bs j \in batches n d b).
Proof.
elim: k Bs => [|k IH] Bs /=; first by rewrite inE => /eqP->.
by case/allpairsP => -[B Bs'] /= [B_in /IH[<- Bs'_in] ->]; split=> // -[].
Qed.
End Sequences.

Section Runs.
Variables (R : realFieldType) (n : nat) (V : lmodType R).
Implicit Types (step : nat -> 'I_n -> V -> V) (z : V) (Bs : seq (batch n)) (F : V -> R).

Definition later step : nat -> 'I_n -> V -> V := fun s => step s.+1.
Definition move step (B : batch n) z := mean B (fun i => step 0%N i z).

(** The state after the first t batches, and after all of a list. *)
Fixpoint state step z Bs t := if t is s.+1 then mean (nth [::] Bs s) (fun i => step s i (state step z Bs s)) else z.
Fixpoint final step z Bs := if Bs is B :: Bs' then final (later step) (move step B z) Bs' else z.

(** The run in which each batch holds all examples. *)
Fixpoint full_state step z t := if t is s.+1 then mean (enum 'I_n) (fun i => step s i (full_state step z s)) else z.

Lemma stateS step z Bs t : state step z Bs t.+1 = mean (nth [::] Bs t) (fun i => step t i (state step z Bs t)).
Proof. by []. Qed.

Lemma state_later step z B Bs t : state step z (B :: Bs) t.+1 = state (later step) (move step B z) Bs t.
Proof. by elim: t => // t IH; rewrite stateS /= -IH. Qed.

Lemma state_final step z Bs : state step z Bs (size Bs) = final step z Bs.
Proof. by elim: Bs step z => //= B Bs IH step z; rewrite -IH -state_later. Qed.

Lemma full_state_later step z t :
  full_state step z t.+1 = full_state (later step) (move step (enum 'I_n) z) t.
Proof. by elim: t => // t IH; rewrite [RHS]/= -IH. Qed.

(** The expected value of F at the end, one step after the other. *)
Section Expectation.
Variables (d : design) (b : nat).

Fixpoint expect step k F z :=
  if k is j.+1 then average (batches n d b) (fun B => expect (later step) j F (move step B z)) else F z.

Theorem expect_average step k F z :
  average (batch_sequences n d b k) (fun Bs => F (state step z Bs k)) = expect step k F z.
Proof.
rewrite (eq_average_in (g := fun Bs => F (final step z Bs))) => [|Bs /in_sequences[<- _]]; last first.
  by rewrite state_final.
elim: k step z => [|k IH] step z; first by rewrite /average big_seq1 divr1.
by rewrite /= average_allpairs; apply: eq_average => B; apply: IH.
Qed.

Definition affine_steps step := forall s i, affine (step s i).

Lemma affine_later step : affine_steps step -> affine_steps (later step).
Proof. by move=> step_aff s; apply: step_aff. Qed.

Lemma affine_move step B : affine_steps step -> affine (move step B).
Proof. by move=> step_aff; apply: affine_of_mean => i; apply: step_aff. Qed.

Lemma convex_expect step k F : affine_steps step -> convex F -> convex (expect step k F).
Proof.
elim: k step => //= k IH step step_aff convF; apply: convex_average => B.
by apply: (convex_affine (IH _ (affine_later step_aff) convF)) (affine_move B step_aff).
Qed.

Lemma affine_full_state step k : affine_steps step -> affine (full_state step ^~ k).
Proof.
move=> step_aff; elim: k => [|k IH]; first exact: affine_id.
by apply: affine_of_mean => i; apply: affine_comp (step_aff k i) IH.
Qed.

Lemma expect_affine step k (a : V -> R) z : affine_steps step -> valid n d b -> affine_form a ->
  expect step k a z = a (full_state step z k).
Proof.
move=> + b_valid a_aff; elim: k step z => // k IH step z step_aff; rewrite full_state_later /=.
have later_aff := affine_later step_aff; rewrite (eq_average _ (fun B => IH _ (move step B z) later_aff)).
rewrite (average_affine (a := fun v => a (full_state (later step) v k))) ?batches_gt0 //.
  by rewrite batch_mean.
exact: (affine_comp (U := V) a_aff (affine_full_state k later_aff)).
Qed.
End Expectation.

Theorem expect_antitone step k F z d b b' : affine_steps step -> convex F ->
  valid n d b -> valid n d b' -> (b <= b')%N -> expect d b' step k F z <= expect d b step k F z.
Proof.
move=> + convF b_valid b'_valid bb'; elim: k step z => //= k IH step z step_aff.
apply: le_trans (average_le _ (fun B => IH (later step) (move step B z) (affine_later step_aff))) _.
have convE : convex (expect d b (later step) k F) by apply: convex_expect => //; apply: affine_later.
exact: (one_batch (fun i => step 0%N i z) convE b_valid b'_valid bb').
Qed.
End Runs.
