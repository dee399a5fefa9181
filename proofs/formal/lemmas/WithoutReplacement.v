(** Batches without replacement: dropping an example, and the second moment of a batch sum. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Identities lemmas.Averages lemmas.Batches.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section WithoutReplacement.
Variables (R : realFieldType) (n : nat).
Implicit Types (b : nat) (B C : {set 'I_n}).
Local Notation subsets := (batches n WithoutReplacement).

Lemma size_subsets b : size (subsets b) = 'C(n, b).
Proof.
have := card_draws [finType of 'I_n] b; rewrite card_ord => <-.
rewrite size_map size_filter -sum1_count big_enum_cond /= -sum1_card.
by apply: eq_bigl => B; rewrite inE.
Qed.

Lemma sum_subsets (V : zmodType) b (f : batch n -> V) :
  \sum_(B <- subsets b) f B = \sum_(B : {set 'I_n} | #|B| == b) f (enum B).
Proof. by rewrite big_map big_filter big_enum_cond. Qed.

(** A set of b + 1 with one of its elements is a set of b with one element outside. *)
Lemma sum_marked (V : zmodType) b (f : {set 'I_n} -> 'I_n -> V) :
  \sum_(B : {set 'I_n} | #|B| == b.+1) \sum_(i in B) f (B :\ i) i =
  \sum_(C : {set 'I_n} | #|C| == b) \sum_(i | i \notin C) f C i.
Proof.
rewrite (exchange_big_dep xpredT) //= [RHS](exchange_big_dep xpredT) //=.
apply: eq_bigr => i _; rewrite (reindex_onto (fun C => i |: C) (fun B => B :\ i)) /=; last first.
  by move=> B /andP[_ iB]; rewrite setD1K.
apply: eq_big => [C|C /andP[_ /eqP->] //]; rewrite setU11 andbT.
case iC: (i \in C); last by rewrite setU1K ?iC // cardsU1 iC eqxx !andbT.
by rewrite andbF; apply/negbTE/andP => -[_ /eqP eC]; rewrite -eC !inE eqxx in iC.
Qed.

Lemma sum_outside (V : zmodType) C (v : V) : \sum_(i | i \notin C) v = v *+ (n - #|C|).
Proof.
have <- : #|~: C| = (n - #|C|)%N by rewrite -[X in (X - _)%N]card_ord -(cardsC C) addKn.
by rewrite -sumr_const; apply: eq_bigl => i; rewrite inE.
Qed.

Lemma sum_drops_set (V : zmodType) B (h : batch n -> V) :
  \sum_(C <- drops (enum B)) h C = \sum_(i in B) h (enum (B :\ i)).
Proof.
rewrite drops_uniq ?enum_uniq // big_map big_enum; apply: eq_bigr => i _; congr (h _).
rewrite rem_filter ?enum_uniq // -filter_predI; apply: eq_filter => j /=.
by rewrite !inE.
Qed.

Lemma binS_R b : (b <= n)%N -> b.+1%:R * 'C(n, b.+1)%:R = (n%:R - b%:R) * 'C(n, b)%:R :> R.
Proof. by move=> b_le; rewrite -natrB // -!natrM mul_bin_left. Qed.

Lemma bin_neq0 b : (b <= n)%N -> 'C(n, b)%:R != 0 :> R.
Proof. by rewrite pnatr_eq0 -lt0n bin_gt0. Qed.

Lemma drop_subsets (V : lmodType R) b (h : batch n -> V) :
  (b < n)%N -> mean (subsets b.+1) (fun S => mean (drops S) h) = mean (subsets b) h.
Proof.
move=> b_lt; have b_le := ltnW b_lt; rewrite /mean !size_subsets !sum_subsets.
rewrite (eq_bigr (fun B => b.+1%:R^-1 *: \sum_(i in B) h (enum (B :\ i)))) => [|B /eqP cardB]; last first.
  by rewrite sum_drops_set size_drops -cardE cardB.
rewrite -scaler_sumr (sum_marked b (fun C i => h (enum C))) scalerA.
rewrite (eq_bigr (fun C => (n%:R - b%:R : R) *: h (enum C))) => [|C /eqP cardC]; last first.
  by rewrite sum_outside cardC -natrB // scaler_nat.
rewrite -scaler_sumr scalerA; congr (_ *: _).
rewrite -invfM mulrC [_%:R * _]mulrC binS_R // invfM mulrA mulfV ?mul1r //.
by rewrite subr_eq0 eqr_nat gtn_eqF.
Qed.

Section SecondMoment.
Variable s : 'I_n -> R.
Hypothesis sum_s : \sum_i s i = 0.
Let P := \sum_i s i ^+ 2.

Lemma sum_const_subsets b (r : R) : \sum_(C : {set 'I_n} | #|C| == b) r = 'C(n, b)%:R * r.
Proof.
by rewrite -(sum_subsets b (fun=> r)) big_const_seq count_predT iter_addr addr0 size_subsets mulr_natl.
Qed.

Lemma extend (f : {set 'I_n} -> R) b :
  b.+1%:R * (\sum_(B : {set 'I_n} | #|B| == b.+1) f B) =
  \sum_(C : {set 'I_n} | #|C| == b) \sum_(i | i \notin C) f (i |: C).
Proof.
rewrite -(sum_marked b (fun C i => f (i |: C))) mulr_sumr; apply: eq_bigr => B /eqP cardB.
by rewrite (eq_bigr (fun=> f B)) => [|i iB]; rewrite ?setD1K // sumr_const cardB mulr_natl.
Qed.

Lemma sum_notin (f : 'I_n -> R) C : \sum_(i | i \notin C) f i = \sum_i f i - \sum_(i in C) f i.
Proof. by rewrite [\sum_i f i](bigID (mem C)) /= addrC addrA addNr add0r. Qed.

Lemma sum_squares b : (b <= n)%N ->
  n%:R * (\sum_(B : {set 'I_n} | #|B| == b) \sum_(i in B) s i ^+ 2) = b%:R * 'C(n, b)%:R * P.
Proof.
elim: b => [_|b IH b_lt].
  by rewrite (big_pred1 set0) ?big_set0 ?mulr0 ?mul0r // => B; rewrite cards_eq0.
have b_le := ltnW b_lt; apply: (mulfI (_ : b.+1%:R != 0)); rewrite ?pnatr_eq0 // mulrCA extend.
rewrite (eq_bigr (fun C : {set 'I_n} => (n%:R - b%:R - 1) * (\sum_(i in C) s i ^+ 2) + P)) => [|C /eqP cardC].
  rewrite big_split /= -mulr_sumr sum_const_subsets.
  by apply: extend_sum_squares (natrS R b) (binS_R b_le) (IH b_le).
rewrite (eq_bigr (fun i => s i ^+ 2 + \sum_(k in C) s k ^+ 2)) => [|i iC]; last by rewrite big_setU1.
rewrite big_split /= sum_notin sum_outside cardC -[_ *+ _]mulr_natl natrB //.
exact: expand_sum.
Qed.

Lemma squared_sums b : (b <= n)%N ->
  n%:R * (n%:R - 1) * (\sum_(B : {set 'I_n} | #|B| == b) (\sum_(i in B) s i) ^+ 2) =
  b%:R * (n%:R - b%:R) * 'C(n, b)%:R * P.
Proof.
elim: b => [_|b IH b_lt].
  by rewrite (big_pred1 set0) => [|B]; rewrite ?cards_eq0 // big_set0 expr0n /= mulr0 !mul0r.
have b_le := ltnW b_lt; apply: (mulfI (_ : b.+1%:R != 0)); rewrite ?pnatr_eq0 // mulrCA extend.
rewrite (eq_bigr (fun C : {set 'I_n} =>
  (n%:R - b%:R - 1 - 1) * (\sum_(i in C) s i) ^+ 2 + (P - \sum_(i in C) s i ^+ 2))) => [|C /eqP cardC].
  rewrite big_split /= -mulr_sumr sumrB sum_const_subsets.
  exact: extend_squared_sums (natrS R b) (binS_R b_le) (sum_squares b_le) (IH b_le).
set S := \sum_(k in C) s k.
rewrite (eq_bigr (fun i => s i ^+ 2 + (s i * (S + S) + S ^+ 2))) => [|i iC]; last first.
  by rewrite big_setU1 //= sqrrD mulrDr mulr2n !addrA.
rewrite big_split /= big_split /= sum_outside cardC sum_notin.
rewrite -[_ *+ (_ - _)]mulr_natl natrB // -mulr_suml sum_notin sum_s.
exact: expand_square.
Qed.
End SecondMoment.
End WithoutReplacement.
