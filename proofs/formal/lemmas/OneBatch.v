(** One batch, either design: its mean in the convex order, its mean value, its second moment. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Identities lemmas.Averages lemmas.Batches.
From sgdvar Require Import lemmas.WithoutReplacement lemmas.WithReplacement.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Lemma valid_gt0 n d b : valid n d b -> (0 < b)%N.
Proof. by case: d => /andP[]. Qed.

Lemma valid_le n d b b' : valid n d b' -> (0 < b)%N -> (b <= b')%N -> valid n d b.
Proof. by case: d => /andP[_ b'_le] b_gt0 bb'; rewrite /valid b_gt0 //= (leq_trans bb'). Qed.

Lemma valid_examples n d b : valid n d b -> (0 < n)%N.
Proof. by case: d => /andP[b_gt0 //]; apply: leq_trans. Qed.

Lemma batches_gt0 n d b : valid n d b -> (0 < size (batches n d b))%N.
Proof.
by case: d => /andP[b_gt0]; rewrite ?size_subsets ?bin_gt0 // size_words expn_gt0 => ->.
Qed.

Lemma size_in_batches n d b (B : batch n) : B \in batches n d b -> size B = b.
Proof.
case: d => [|/size_in_words //] /mapP[S]; rewrite mem_filter => /andP[/eqP <- _] ->.
by rewrite cardE.
Qed.

Section OneBatch.
Variables (R : realFieldType) (n : nat) (d : design).

Lemma drop_one (U : lmodType R) b (h : batch n -> U) :
  valid n d b.+1 -> mean (batches n d b.+1) (fun B => mean (drops B) h) = mean (batches n d b) h.
Proof. by case: d => /andP[_]; [apply: drop_subsets | apply: drop_words]. Qed.

Lemma drop_one_average b (h : batch n -> R) :
  valid n d b.+1 -> average (batches n d b.+1) (fun B => average (drops B) h) = average (batches n d b) h.
Proof.
move=> b_valid; by rewrite average_nested [RHS]average_mean; apply: (drop_one (U := [lmodType R of R^o])).
Qed.

Section Vectors.
Variables (V : lmodType R) (f : 'I_n -> V).

Lemma one_batch_next b (F : V -> R) : convex F -> (0 < b)%N -> valid n d b.+1 ->
  average (batches n d b.+1) (fun B => F (mean B f)) <= average (batches n d b) (fun B => F (mean B f)).
Proof.
move=> convF b_gt0 b_valid; rewrite -[leRHS]drop_one_average //.
apply: average_le_in => B /size_in_batches sizeB; rewrite -mean_drops ?sizeB //.
by apply: jensen; rewrite // size_drops sizeB.
Qed.

Lemma one_batch b b' (F : V -> R) : convex F -> valid n d b -> valid n d b' -> (b <= b')%N ->
  average (batches n d b') (fun B => F (mean B f)) <= average (batches n d b) (fun B => F (mean B f)).
Proof.
move=> convF /valid_gt0 b_gt0; elim: b' => [|b' IH] b'_valid; first by rewrite leqNgt b_gt0.
rewrite leq_eqVlt => /predU1P[-> //|bb']; have b'_gt0 : (0 < b')%N by exact: leq_trans b_gt0 bb'.
apply: le_trans (IH _ bb'); first exact: one_batch_next.
exact: valid_le b'_valid b'_gt0 (leqnSn _).
Qed.

Lemma batch_of_one : (0 < n)%N -> mean (batches n d 1) (fun B => mean B f) = mean (enum 'I_n) f.
Proof.
move=> n_gt0; case: d; rewrite /mean size_enum_ord ?size_subsets ?bin1 ?size_words ?expn1; congr (_ *: _).
  rewrite sum_subsets (eq_bigr (fun B : {set 'I_n} => \sum_(i in B) f i)) => [|B /eqP cardB]; last first.
    by rewrite -cardE cardB invr1 scale1r big_enum.
  rewrite (sum_marked 0 (fun _ i => f i)) (big_pred1 set0) => [|B]; last by rewrite cards_eq0.
  by rewrite big_enum; apply: eq_bigl => i; rewrite inE.
by rewrite sum_wordsS big_enum; apply: eq_bigr => i _; rewrite sum_words0 big_seq1 invr1 scale1r.
Qed.

Lemma batch_mean b : valid n d b -> mean (batches n d b) (fun B => mean B f) = mean (enum 'I_n) f.
Proof.
elim: b => [/valid_gt0 //|[_ b1|b IH b2]]; first by rewrite batch_of_one ?(valid_examples b1).
rewrite -(IH (valid_le b2 _ (leqnSn _))) // -[RHS]drop_one //.
by apply: eq_mean_in => B /size_in_batches sizeB; rewrite mean_drops ?sizeB.
Qed.
End Vectors.

Lemma batch_average b (s : 'I_n -> R) : valid n d b ->
  average (batches n d b) (fun B => average B s) = average (enum 'I_n) s.
Proof.
by rewrite average_nested [RHS]average_mean; apply: (batch_mean (V := [lmodType R of R^o])).
Qed.

(** ** The second moment of a batch mean *)
Local Notation c := (variance_factor R n d).
Local Notation all := (enum 'I_n).

Lemma second_moment_centred b (s : 'I_n -> R) : valid n d b -> average all s = 0 ->
  average (batches n d b) (fun B => average B s ^+ 2) = c b * average all (fun i => s i ^+ 2).
Proof.
move=> b_valid; have n_gt0 := valid_examples b_valid; have b_gt0 := valid_gt0 b_valid.
have nR : n%:R != 0 :> R by rewrite pnatr_eq0 -lt0n.
have bR : b%:R != 0 :> R by rewrite pnatr_eq0 -lt0n.
move=> /eqP; rewrite /average size_enum_ord mulf_eq0 invr_eq0 (negPf nR) orbF !big_enum /= => /eqP sum_s.
rewrite big_seq (eq_bigr (fun B => (b%:R ^+ 2)^-1 * (\sum_(i <- B) s i) ^+ 2)) => [|B]; last first.
  by move/size_in_batches->; rewrite exprMn exprVn mulrC.
rewrite -big_seq -mulr_sumr /variance_factor; case: d b_valid => b_valid; last first.
  by rewrite size_words; apply: with_replacement; rewrite ?squared_sums_words // pnatr_eq0 -lt0n expn_gt0 n_gt0.
have b_le : (b <= n)%N by case/andP: b_valid.
rewrite size_subsets sum_subsets (eq_bigr (fun B : {set 'I_n} => (\sum_(i in B) s i) ^+ 2)) => [|B _]; last first.
  by rewrite big_enum.
have [n1|n1] := eqVneq n 1%N; last first.
  apply: without_replacement; rewrite ?squared_sums ?bin_neq0 //.
  by rewrite subr_eq0 pnatr_eq1.
have s0 i : s i = 0.
  have i_all j : j = i.
    by apply/val_inj; case: j i => [j j_lt] [k k_lt] /=; move: j_lt k_lt; rewrite n1; case: j k => [|?] [|?].
  by rewrite -sum_s (big_pred1 i) // => j; rewrite /= (i_all j) eqxx.
rewrite !big1 ?mulr0 ?mul0r ?mulr0 // => [i _|B _]; first by rewrite s0 expr0n.
by rewrite big1 ?expr0n.
Qed.

Lemma second_moment b (s : 'I_n -> R) (m := average all s) : valid n d b ->
  average (batches n d b) (fun B => average B s ^+ 2) = m ^+ 2 + c b * average all (fun i => (s i - m) ^+ 2).
Proof.
move=> b_valid; have n_gt0 := valid_examples b_valid; have b_gt0 := valid_gt0 b_valid.
rewrite -second_moment_centred //; last first.
  by rewrite averageD average_const ?size_enum_ord // -/m subrr.
rewrite (eq_average_in (_ : {in _, _ =1 fun B => m ^+ 2 + (m * average B (fun i => s i - m)) *+ 2
                                                  + average B (fun i => s i - m) ^+ 2})); last first.
  move=> B /size_in_batches sizeB; rewrite -sqrrD; congr (_ ^+ 2).
  by rewrite averageD average_const ?sizeB // addrC subrK.
rewrite averageD averageD average_const ?batches_gt0 //.
rewrite (eq_average _ (_ : _ =1 fun B => (m *+ 2) * average B (fun i => s i - m))) => [|B]; last by rewrite mulrnAl.
by rewrite averageM batch_average // averageD average_const ?size_enum_ord // -/m subrr mulr0 addr0.
Qed.
End OneBatch.
