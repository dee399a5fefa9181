(** The definitions, evaluated: functions on lists of rational numbers, equal to the definitions by proof. *)
From Coq Require Import ZArith QArith.
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.Batches lemmas.OneBatch lemmas.Sequences lemmas.Rationals.
From sgdvar Require Import lemmas.Variance.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Definition zeroQ := Qmake Z0 1.
Definition sumQ (s : seq Q) : Q := foldr (fun q r => Qred (Qplus q r)) zeroQ s.
Definition averageQ T (s : seq T) (f : T -> Q) : Q := Qred (Qdiv (sumQ (map f s)) (inject_Z (Z.of_nat (size s)))).
Definition entry (v : seq Q) k : Q := nth zeroQ v k.
Definition square_normQ m (v : seq Q) : Q := sumQ (mkseq (fun k => Qmult (entry v k) (entry v k)) m).
Definition productQ m p (A : seq (seq Q)) (v : seq Q) : seq Q :=
  mkseq (fun k => sumQ (mkseq (fun j => Qmult (entry (nth [::] A k) j) (entry v j)) p)) m.
Definition meanQ T m (s : seq T) (f : T -> seq Q) : seq Q := mkseq (fun k => averageQ s (fun a => entry (f a) k)) m.
Definition varianceQ T m (s : seq T) (f : T -> seq Q) : Q :=
  let vs := map f s in let e := meanQ m vs id in
  averageQ vs (fun v => square_normQ m (mkseq (fun k => Qminus (entry v k) (entry e k)) m)).

Fixpoint words n b : seq (seq nat) := if b is j.+1 then [seq i :: B | i <- iota 0 n, B <- words n j] else [:: [::]].
Definition batchesN n d b := if d is WithoutReplacement then [seq B <- words n b | sorted ltn B] else words n b.
Fixpoint sequencesN n d b k :=
  if k is j.+1 then let s := sequencesN n d b j in [seq B :: Bs | B <- batchesN n d b, Bs <- s] else [:: [::]].

Section Descent.
Variables (n p : nat) (gradQ : nat -> seq Q -> seq Q) (stepsQ : nat -> Q) (startQ : seq Q).
Definition batch_gradientQ B w := let gs := [seq gradQ i w | i <- B] in meanQ p gs id.
Fixpoint weightsQ Bs t : seq Q :=
  if t is s.+1 then
    let w := weightsQ Bs s in let g := batch_gradientQ (nth [::] Bs s) w in
    mkseq (fun k => Qred (Qminus (entry w k) (Qmult (stepsQ s) (entry g k)))) p
  else startQ.
Definition gradientQ Bs t := batch_gradientQ (nth [::] Bs t) (weightsQ Bs t).
Definition expect_weightsQ (phi : seq Q -> Q) d b t := averageQ (sequencesN n d b t) (fun Bs => phi (weightsQ Bs t)).
Definition expect_gradientQ (phi : seq Q -> Q) d b t :=
  averageQ (sequencesN n d b t.+1) (fun Bs => phi (gradientQ Bs t)).
Definition gradient_varianceQ m A d b t :=
  varianceQ m (sequencesN n d b t.+1) (fun Bs => productQ m p A (gradientQ Bs t)).
End Descent.

(** ** Lists of numbers below n for lists of examples *)
Section Batches.
Variable n : nat.
Definition numbers (B : batch n) : seq nat := [seq val i | i <- B].

Lemma numbers_inj : injective numbers.
Proof. exact/inj_map/val_inj. Qed.

Lemma mem_wordsN b (B : seq nat) : (B \in words n b) = (size B == b) && all (ltn^~ n) B.
Proof.
elim: b B => [|b IH] B /=; first by rewrite inE; case: B.
apply/allpairsP/idP => [[[i C] /= [i_in C_in ->]]|].
  by move: i_in C_in; rewrite mem_iota IH /= eqSS => -> .
case: B => //= i B; rewrite eqSS => /and3P[B_size i_lt B_lt]; exists (i, B).
by rewrite mem_iota IH B_size B_lt.
Qed.

Lemma words_uniq b : uniq (words n b).
Proof. by elim: b => //= b IH; apply: allpairs_uniq; rewrite ?iota_uniq // => -[i B] [j C] _ _ [-> ->]. Qed.

Lemma numbersK (B : seq nat) : all (ltn^~ n) B -> exists B' : batch n, B = numbers B'.
Proof.
elim: B => [_|i B IH /= /andP[i_lt /IH[B' ->]]]; first by exists [::].
by exists (Ordinal i_lt :: B').
Qed.

Lemma numbers_lt (B : batch n) : all (ltn^~ n) (numbers B).
Proof. by apply/allP => _ /mapP[i _ ->]; apply: ltn_ord. Qed.

Lemma batches_numbers d b : perm_eq (map numbers (batches n d b)) (batchesN n d b).
Proof.
apply: uniq_perm => [||B]; first by rewrite map_inj_uniq ?batches_uniq //; apply: numbers_inj.
  by case: d; rewrite /batchesN ?filter_uniq ?words_uniq.
apply/mapP/idP => [[B' B'_in ->]|].
  have size_B' := size_in_batches B'_in.
  case: d B'_in => [/mem_subsets[_ B'_inc]|_]; rewrite /batchesN ?mem_filter mem_wordsN size_map size_B'
    eqxx numbers_lt //.
  by rewrite !andbT sorted_map; apply: B'_inc.
case: d; rewrite /batchesN ?mem_filter mem_wordsN; last first.
  by case/andP=> /eqP B_size /numbersK[B' eB]; exists B'; rewrite // mem_words -B_size eB size_map.
case/and3P=> B_inc /eqP B_size /numbersK[B' eB]; exists B'; rewrite // mem_subsets -B_size eB size_map; split=> //.
by move: B_inc; rewrite eB sorted_map.
Qed.

Lemma sequences_numbers d b k : perm_eq (map (map numbers) (batch_sequences n d b k)) (sequencesN n d b k).
Proof.
have map_uniq k' : uniq (map (map numbers) (batch_sequences n d b k')).
  by rewrite map_inj_uniq ?sequences_uniq //; apply/inj_map/numbers_inj.
elim: k => // k IH; apply: uniq_perm => [||Bs]; first exact: map_uniq.
  rewrite /= allpairs_uniq // -?(perm_uniq (batches_numbers d b)) -?(perm_uniq IH) ?map_uniq //.
    by rewrite map_inj_uniq ?batches_uniq //; apply: numbers_inj.
  by move=> [B Bs'] [C Cs] _ _ [-> ->].
rewrite /= map_allpairs -(mem_allpairs _ (perm_mem (batches_numbers d b)) (perm_mem IH)).
by rewrite allpairs_mapl allpairs_mapr.
Qed.
End Batches.
Arguments numbers {n} B.

(** ** Values *)
Local Arguments Qred : simpl never.
Local Arguments Qplus : simpl never.

Section Values.
Variables (R : realFieldType) (n p : nat).
Local Notation q2r := (of_Q R).
Definition column m (v : seq Q) : 'cV[R]_m := \col_k q2r (entry v k).

Lemma sumQE I (s : seq I) (f : I -> Q) : q2r (sumQ (map f s)) = \sum_(i <- s) q2r (f i).
Proof. by elim: s => [|i s IH] /=; rewrite ?big_nil ?of_Q0 // big_cons of_Q_red of_QD IH. Qed.

Lemma sumQ_ord (f : nat -> Q) m : q2r (sumQ (mkseq f m)) = \sum_(k < m) q2r (f k).
Proof. by rewrite sumQE -(big_mkord xpredT (fun k => q2r (f k))) /index_iota subn0. Qed.

Lemma averageQE T (s : seq T) (f : T -> Q) : q2r (averageQ s f) = average s (fun a => q2r (f a)).
Proof. by rewrite of_Q_red of_QM of_QV of_Q_nat sumQE. Qed.

Lemma column_mkseq m (f : nat -> Q) (k : 'I_m) : column m (mkseq f m) k 0 = q2r (f k).
Proof. by rewrite mxE /entry nth_mkseq. Qed.

Lemma meanQE T m (s : seq T) (f : T -> seq Q) : column m (meanQ m s f) = mean s (fun a => column m (f a)).
Proof.
apply/colP => k; rewrite column_mkseq averageQE mean_coordinate.
by apply: eq_average => a; rewrite mxE.
Qed.

Lemma square_normQE m (v : seq Q) : q2r (square_normQ m v) = square_norm (column m v).
Proof. by rewrite sumQ_ord; apply: eq_bigr => k _; rewrite of_QM mxE expr2. Qed.

Definition matrix m (A : seq (seq Q)) : 'M[R]_(m, p) := \matrix_(k, j) q2r (entry (nth [::] A k) j).

Lemma productQE m A (v : seq Q) : column m (productQ m p A v) = matrix m A *m column p v.
Proof. by apply/colP => k; rewrite column_mkseq sumQ_ord mxE; apply: eq_bigr => j _; rewrite of_QM !mxE. Qed.

Lemma varianceQE T m (s : seq T) (f : T -> seq Q) : q2r (varianceQ m s f) = variance s (fun a => column m (f a)).
Proof.
rewrite averageQE /average big_map size_map; congr (_ / _); apply: eq_bigr => a _.
rewrite square_normQE; congr (square_norm _); apply/colP => k.
have <- : column m (meanQ m (map f s) id) = mean s (fun a => column m (f a)) by rewrite meanQE mean_map.
by rewrite column_mkseq of_QB [RHS]mxE [X in _ = _ + X]mxE [in RHS]mxE [X in _ = _ - X]mxE.
Qed.

Variables (grad : 'I_n -> 'cV[R]_p -> 'cV[R]_p) (gradQ : nat -> seq Q -> seq Q) (stepsQ : nat -> Q) (startQ : seq Q).
Hypothesis gradQE : forall i v, column p (gradQ (val i) v) = grad i (column p v).
Local Notation steps := (fun s => q2r (stepsQ s)).
Local Notation start := (column p startQ).

Lemma batch_gradientQE (B : batch n) v :
  column p (batch_gradientQ p gradQ (numbers B) v) = batch_gradient grad B (column p v).
Proof. by rewrite meanQE !mean_map; apply: eq_mean => i; rewrite -gradQE. Qed.

Lemma nth_numbers (Bs : seq (batch n)) s : nth [::] (map numbers Bs) s = numbers (nth [::] Bs s).
Proof. by elim: Bs s => [|B Bs IH] [|s] /=. Qed.

Lemma weightsQE Bs t :
  column p (weightsQ p gradQ stepsQ startQ (map numbers Bs) t) = weights grad steps start Bs t.
Proof.
elim: t => //= t IH; rewrite -IH -batch_gradientQE nth_numbers; apply/colP => k.
by rewrite column_mkseq of_Q_red of_QB of_QM !mxE.
Qed.

Lemma gradientQE Bs t :
  column p (gradientQ p gradQ stepsQ startQ (map numbers Bs) t) = gradient grad steps start Bs t.
Proof. by rewrite /gradientQ nth_numbers batch_gradientQE weightsQE. Qed.

Lemma sequencesE d b k (f : seq (seq nat) -> R) :
  average (sequencesN n d b k) f = average (batch_sequences n d b k) (fun Bs => f (map numbers Bs)).
Proof.
have perm := sequences_numbers n d b k.
by rewrite /average -(perm_big _ perm) -(perm_size perm) big_map size_map.
Qed.

Lemma mean_sequencesE m d b k (f : seq (seq nat) -> 'cV[R]_m) :
  mean (sequencesN n d b k) f = mean (batch_sequences n d b k) (fun Bs => f (map numbers Bs)).
Proof. by apply/colP => i; rewrite !mean_coordinate sequencesE. Qed.

Theorem expect_weights_value (phi : 'cV[R]_p -> R) phiQ d b t :
  (forall v, q2r (phiQ v) = phi (column p v)) ->
  expect_weights grad steps start phi d b t = q2r (expect_weightsQ n p gradQ stepsQ startQ phiQ d b t).
Proof.
move=> phiQE; rewrite averageQE sequencesE; apply: eq_average => Bs.
by rewrite phiQE weightsQE.
Qed.

Theorem expect_gradient_value (phi : 'cV[R]_p -> R) phiQ d b t :
  (forall v, q2r (phiQ v) = phi (column p v)) ->
  expect_gradient grad steps start phi d b t = q2r (expect_gradientQ n p gradQ stepsQ startQ phiQ d b t).
Proof.
move=> phiQE; rewrite averageQE sequencesE; apply: eq_average => Bs.
by rewrite phiQE gradientQE.
Qed.

Theorem gradient_variance_value m A d b t :
  gradient_variance grad steps start (matrix m A) d b t =
  q2r (gradient_varianceQ n p gradQ stepsQ startQ m A d b t).
Proof.
rewrite varianceQE /variance sequencesE mean_sequencesE; apply: eq_average => Bs.
rewrite productQE gradientQE; congr (square_norm (_ - _)).
by apply: eq_mean => Bs'; rewrite productQE gradientQE.
Qed.
End Values.
