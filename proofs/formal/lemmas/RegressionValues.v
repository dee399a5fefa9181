(** Exact values for linear regression on lists of rational numbers, equal to the definitions by proof. *)
From Coq Require Import ZArith QArith.
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.Rationals lemmas.Evaluation.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Regression.
Variables (n p : nat) (X : seq (seq Q)) (Y : seq Q) (decayQ : Q).
Definition residualQ i w :=
  Qred (Qminus (sumQ (mkseq (fun j => Qmult (entry (nth [::] X i) j) (entry w j)) p)) (entry Y i)).
Definition regression_gradientQ i w :=
  let r := residualQ i w in mkseq (fun j => Qplus (Qmult r (entry (nth [::] X i) j)) (Qmult decayQ (entry w j))) p.
Definition halfQ := Qmake (Zpos 1) 2.
Definition lossQ w := Qplus
  (averageQ (iota 0 n) (fun i => let r := residualQ i w in Qmult (Qmult r r) halfQ))
  (Qmult (Qmult decayQ halfQ) (square_normQ p w)).

Variable R : realFieldType.
Local Notation q2r := (of_Q R).
Definition inputs (i : 'I_n) : 'cV[R]_p := column R p (nth [::] X i).
Definition targets (i : 'I_n) : R := q2r (entry Y i).
Local Notation decay := (q2r decayQ).

Lemma residualQE i w : q2r (residualQ (val i) w) = residual inputs targets i (column R p w).
Proof.
rewrite of_Q_red of_QB sumQ_ord /residual mxE; congr (_ - _).
by apply: eq_bigr => j _; rewrite of_QM !mxE.
Qed.

Lemma regression_gradientQE (i : 'I_n) w :
  column R p (regression_gradientQ (val i) w) = regression_gradient inputs targets decay i (column R p w).
Proof. by apply/colP => k; rewrite column_mkseq of_QD !of_QM residualQE !mxE. Qed.

Lemma halfQE : q2r halfQ = 2%:R^-1.
Proof. by rewrite /of_Q /= mul1r. Qed.

Lemma lossQE w : q2r (lossQ w) = loss inputs targets decay (column R p w).
Proof.
rewrite of_QD !of_QM halfQE square_normQE averageQE -val_enum_ord; congr (_ + _).
by rewrite /average big_map size_map; congr (_ / _); apply: eq_bigr => i _; rewrite !of_QM halfQE residualQE expr2.
Qed.

Variables (stepsQ : nat -> Q) (startQ : seq Q) (d : design) (b t : nat).
Local Notation grad := (regression_gradient inputs targets decay).
Local Notation steps := (fun s => q2r (stepsQ s)).
Local Notation start := (column R p startQ).

Theorem gradient_variance_is m A : gradient_variance grad steps start (matrix R p m A) d b t =
  q2r (gradient_varianceQ n p regression_gradientQ stepsQ startQ m A d b t).
Proof. exact/gradient_variance_value/regression_gradientQE. Qed.

Theorem second_moment_is m A :
  expect_gradient grad steps start (fun g => square_norm (matrix R p m A *m g)) d b t =
  q2r (expect_gradientQ n p regression_gradientQ stepsQ startQ (fun g => square_normQ m (productQ m p A g)) d b t).
Proof.
apply: expect_gradient_value => [|v]; first exact: regression_gradientQE.
by rewrite square_normQE productQE.
Qed.

Theorem expected_loss_is : expect_weights grad steps start (loss inputs targets decay) d b t =
  q2r (expect_weightsQ n p regression_gradientQ stepsQ startQ lossQ d b t).
Proof. by apply: expect_weights_value => [|v]; [apply: regression_gradientQE | apply: lossQE]. Qed.
End Regression.
