(** Dropping one example from every batch of b + 1 gives every batch of b equally often, in both designs. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Global Arguments batches : simpl never.

(** ** A list with one element dropped, in every way *)
Section Drops.
Variable T : eqType.

Fixpoint drops (s : seq T) : seq (seq T) := if s is i :: s' then s' :: [seq i :: r | r <- drops s'] else [::].

Lemma size_drops s : size (drops s) = size s.
Proof. by elim: s => //= i s IH; rewrite size_map IH. Qed.

Lemma size_in_drops s r : r \in drops s -> (size r).+1 = size s.
Proof.
elim: s r => //= i s IH r; rewrite inE => /orP[/eqP-> //|/mapP[r' /IH r's ->]] /=.
by rewrite r's.
Qed.

Lemma drops_uniq s : uniq s -> drops s = [seq rem i s | i <- s].
Proof.
elim: s => //= i s IH /andP[i_notin s_uniq]; rewrite eqxx IH //; congr (_ :: _).
rewrite -map_comp; apply/eq_in_map => j js /=.
by case: eqP => // ji; rewrite ji js in i_notin.
Qed.

Lemma sum_drops (R : realFieldType) (V : lmodType R) (f : T -> V) s :
  \sum_(r <- drops s) \sum_(i <- r) f i + \sum_(i <- s) f i = (\sum_(i <- s) f i) *+ size s.
Proof.
elim: s => [|i s IH]; first by rewrite !big_nil addr0 mulr0n.
rewrite /= !big_cons big_map (eq_bigr (fun r => f i + \sum_(j <- r) f j)) => [|r _]; last by rewrite big_cons.
rewrite big_split /= big_const_seq count_predT size_drops iter_addr addr0 mulrSr mulrnDl -IH.
by congr (_ + _); rewrite addrC addrA.
Qed.

Lemma mean_drops (R : realFieldType) (V : lmodType R) (f : T -> V) s :
  (1 < size s)%N -> mean (drops s) (fun r => mean r f) = mean s f.
Proof.
move=> s_gt1; have s_gt0 : (0 < size s)%N by exact: ltnW.
rewrite {1}/mean size_drops big_seq.
rewrite (eq_bigr (fun r => (size s).-1%:R^-1 *: \sum_(i <- r) f i)) => [|r /size_in_drops <- //].
rewrite -big_seq -scaler_sumr; congr (_ *: _).
have -> : \sum_(r <- drops s) \sum_(i <- r) f i = (size s).-1%:R *: \sum_(i <- s) f i.
  apply: (addIr (\sum_(i <- s) f i)); rewrite sum_drops -{1}(prednK s_gt0) mulrSr.
  by rewrite scaler_nat.
by rewrite scalerA mulVf ?scale1r // pnatr_eq0 -lt0n -subn1 subn_gt0.
Qed.
End Drops.
