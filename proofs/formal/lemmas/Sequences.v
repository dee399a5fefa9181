(** What the lists of batches hold, and expectations taken one batch after the other. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.Batches lemmas.OneBatch lemmas.Runs.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Lists.
Variable n : nat.

Definition increasing (B : batch n) := sorted (fun i j : 'I_n => (i < j)%N) B.

Lemma increasing_enum (S : {set 'I_n}) : increasing (enum S).
Proof.
rewrite /increasing /enum_mem; apply: sorted_filter => [i j k|]; first exact: ltn_trans.
have : sorted ltn [seq val i | i <- enum 'I_n] by rewrite val_enum_ord iota_ltn_sorted.
by rewrite sorted_map enumT.
Qed.

Lemma increasing_is_set (B : batch n) : increasing B -> B = enum [set i in B].
Proof.
move=> B_inc; apply: (@irr_sorted_eq _ (fun i j : 'I_n => (i < j)%N)) => [i j k|i||| i].
- exact: ltn_trans.
- exact: ltnn.
- exact: B_inc.
- exact: increasing_enum.
by rewrite mem_enum inE.
Qed.

Lemma mem_subsets b B : B \in batches n WithoutReplacement b <-> size B = b /\ increasing B.
Proof.
split=> [/mapP[S] | [B_size B_inc]].
  by rewrite mem_filter => /andP[/eqP <- _] ->; rewrite -cardE; split=> //; apply: increasing_enum.
apply/mapP; exists [set i in B]; last exact: increasing_is_set.
by rewrite mem_filter mem_enum cardE -increasing_is_set // B_size eqxx.
Qed.

Lemma mem_words b B : B \in batches n WithReplacement b <-> size B = b.
Proof.
split=> [|<-]; first exact: (size_in_batches (d := WithReplacement)).
by apply/mapP; exists (in_tuple B); rewrite ?mem_enum.
Qed.

Lemma batches_uniq d b : uniq (batches n d b).
Proof.
case: d; rewrite map_inj_uniq ?enum_uniq ?filter_uniq -?enumT ?enum_uniq //; last exact: val_inj.
by move=> S S' eSS'; apply/setP => i; rewrite -(mem_enum S) -(mem_enum S') eSS'.
Qed.

Lemma mem_sequences d b k Bs :
  Bs \in batch_sequences n d b k <-> size Bs = k /\ {subset Bs <= batches n d b}.
Proof.
elim: k Bs => [|k IH] Bs /=; first by rewrite inE; split=> [/eqP->|[/size0nil-> _]].
split=> [/allpairsP[[B Bs'] /= [B_in /IH[<- Bs'_in] ->]]|].
  by split=> // C; rewrite inE => /predU1P[->|/Bs'_in].
case: Bs => [[]//|B Bs] [[Bs_size] Bs_in]; apply/allpairsP; exists (B, Bs); split=> //=.
  by apply: Bs_in; rewrite mem_head.
by apply/IH; split=> // C C_in; apply: Bs_in; rewrite inE C_in orbT.
Qed.

Lemma sequences_uniq d b k : uniq (batch_sequences n d b k).
Proof.
elim: k => //= k IH; apply: allpairs_uniq => //; first exact: batches_uniq.
by move=> [B Bs] [B' Bs'] _ _ [-> ->].
Qed.
End Lists.

Section Steps.
Variables (R : realFieldType) (n p : nat) (grad : 'I_n -> 'cV[R]_p -> 'cV[R]_p) (d : design) (b : nat).
Implicit Types (step_size : nat -> R) (start : 'cV[R]_p).
Local Notation next step_size start B := (start - step_size 0%N *: batch_gradient grad B start).
Local Notation later step_size := (fun s => step_size s.+1).

Lemma weights_cons step_size start B Bs t : weights grad step_size start (B :: Bs) t.+1 =
  weights grad (later step_size) (next step_size start B) Bs t.
Proof. by elim: t => // t IH; rewrite [RHS]/= -IH. Qed.

Lemma gradient_cons step_size start B Bs t : gradient grad step_size start (B :: Bs) t.+1 =
  gradient grad (later step_size) (next step_size start B) Bs t.
Proof. by rewrite /gradient -weights_cons. Qed.

Theorem expect_first_step step_size start phi t : expect_weights grad step_size start phi d b t.+1 =
  average (batches n d b) (fun B => expect_weights grad (later step_size) (next step_size start B) phi d b t).
Proof.
rewrite /expect_weights [batch_sequences _ _ _ _.+1]/= average_allpairs.
by apply: eq_average => B; apply: eq_average => Bs; rewrite weights_cons.
Qed.

Theorem expect_last_step step_size start phi t : expect_gradient grad step_size start phi d b t =
  expect_weights grad step_size start (fun w => average (batches n d b) (fun B => phi (batch_gradient grad B w))) d b t.
Proof.
elim: t step_size start => [|t IH] step_size start.
  rewrite /expect_gradient -[batch_sequences n d b 1]/[seq B :: Bs | B <- batches n d b, Bs <- [:: [::]]].
  rewrite average_allpairs /expect_weights [RHS]/average big_seq1 divr1.
  by apply: eq_average => B; rewrite /average big_seq1 divr1.
rewrite expect_first_step /expect_gradient [batch_sequences _ _ _ _.+2]/= average_allpairs.
by apply: eq_average => B; rewrite -IH; apply: eq_average => Bs; rewrite gradient_cons.
Qed.

Theorem later_batches_do_not_matter step_size start (phi : 'cV[R]_p -> R) t k : valid n d b ->
  average (batch_sequences n d b (t + k)) (fun Bs => phi (weights grad step_size start Bs t)) =
  expect_weights grad step_size start phi d b t.
Proof.
move=> b_valid; elim: t step_size start => [|t IH] step_size start.
  by rewrite /expect_weights /= !average_const //; apply: sequences_gt0.
rewrite expect_first_step [batch_sequences _ _ _ _]/= average_allpairs; apply: eq_average => B.
by rewrite -IH; apply: eq_average => Bs; rewrite weights_cons.
Qed.
End Steps.
