(** Batches with replacement: dropping a draw, and the second moment of a batch sum. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.Batches.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section WithReplacement.
Variables (R : realFieldType) (n : nat).
Implicit Type b : nat.
Local Notation words := (batches n WithReplacement).

Lemma size_words b : size (words b) = (n ^ b)%N.
Proof. by rewrite size_map -cardE card_tuple card_ord. Qed.

Lemma sum_words0 (V : zmodType) (f : batch n -> V) : \sum_(B <- words 0) f B = f [::].
Proof. by rewrite big_map big_enum (big_pred1 [tuple]) // => B; apply/esym/eqP; rewrite tuple0. Qed.

Lemma sum_wordsS (V : zmodType) b (f : batch n -> V) :
  \sum_(B <- words b.+1) f B = \sum_i \sum_(B <- words b) f (i :: B).
Proof.
rewrite big_map big_enum /= (eq_bigr (fun i => \sum_(B : b.-tuple 'I_n) f (i :: B))) => [|i _]; last first.
  by rewrite big_map big_enum.
rewrite pair_bigA /= (reindex (fun iB : 'I_n * b.-tuple 'I_n => cons_tuple iB.1 iB.2)) //=.
exists (fun B => (thead B, [tuple of behead B])) => [[i B] _ | B _] /=.
  by congr (_, _); apply: val_inj.
by apply: val_inj; rewrite [B in RHS]tuple_eta.
Qed.

Lemma sum_drops_words (V : zmodType) b (h : batch n -> V) :
  \sum_(B <- words b.+1) \sum_(C <- drops B) h C = (\sum_(C <- words b) h C) *+ (b.+1 * n).
Proof.
elim: b h => [|b IH] h; rewrite sum_wordsS.
  by rewrite (eq_bigr (fun=> h [::])) => [|i _]; rewrite ?sum_words0 /= ?big_seq1 // sumr_const card_ord mul1n.
rewrite (eq_bigr (fun i => \sum_(C <- words b.+1) h C + (\sum_(C <- words b) h (i :: C)) *+ (b.+1 * n))); last first.
  move=> i _; rewrite -IH -big_split; apply: eq_bigr => B _ /=.
  by rewrite big_cons big_map.
by rewrite big_split /= sumr_const card_ord sumrMnl -sum_wordsS -mulrnDr -mulSn.
Qed.

Lemma size_in_words b B : B \in words b -> size B = b.
Proof. by case/mapP => C _ ->; rewrite size_tuple. Qed.

Lemma drop_words (V : lmodType R) b (h : batch n -> V) :
  (0 < n)%N -> mean (words b.+1) (fun B => mean (drops B) h) = mean (words b) h.
Proof.
move=> n_gt0; rewrite {1}/mean big_seq.
rewrite (eq_bigr (fun B => b.+1%:R^-1 *: \sum_(C <- drops B) h C)) => [|B /size_in_words sizeB]; last first.
  by rewrite /mean size_drops sizeB.
rewrite -big_seq -scaler_sumr sum_drops_words -scaler_nat !scalerA /mean !size_words; congr (_ *: _).
rewrite -mulrA natrM mulKf ?pnatr_eq0 // expnS natrM invfM mulrAC mulVf ?mul1r //.
by rewrite pnatr_eq0 -lt0n.
Qed.

Section SecondMoment.
Variable s : 'I_n -> R.
Hypothesis sum_s : \sum_i s i = 0.
Let P := \sum_i s i ^+ 2.

Lemma sum_words_const b (r : R) : \sum_(B <- words b) r = (n ^ b)%:R * r.
Proof. by rewrite big_const_seq count_predT iter_addr addr0 size_words mulr_natl. Qed.

Lemma squared_sums_words b :
  n%:R * (\sum_(B <- words b) (\sum_(i <- B) s i) ^+ 2) = b%:R * (n ^ b)%:R * P.
Proof.
elim: b => [|b IH]; first by rewrite sum_words0 big_nil expr0n mulr0 !mul0r.
rewrite sum_wordsS.
rewrite (eq_bigr (fun i => \sum_(B <- words b) (s i ^+ 2 + s i * (\sum_(j <- B) s j) *+ 2
                                              + (\sum_(j <- B) s j) ^+ 2))); last first.
  by move=> i _; apply: eq_bigr => B _; rewrite big_cons sqrrD.
rewrite (eq_bigr (fun i => (n ^ b)%:R * s i ^+ 2 + s i * ((\sum_(B <- words b) \sum_(j <- B) s j) *+ 2)
                         + \sum_(B <- words b) (\sum_(j <- B) s j) ^+ 2)); last first.
  move=> i _; rewrite big_split /= big_split /= sum_words_const; congr (_ + _ + _).
  by rewrite -sumrMnl mulr_sumr; apply: eq_bigr => B _; rewrite mulrnAr.
rewrite big_split /= big_split /= -mulr_suml sum_s mul0r addr0 -mulr_sumr sumr_const card_ord.
rewrite -[(\sum_(B <- _) _) *+ n]mulr_natl mulrDr IH natrS !mulrDl expnS natrM mul1r addrC -!mulrA.
by rewrite mulrCA.
Qed.
End SecondMoment.
End WithReplacement.
