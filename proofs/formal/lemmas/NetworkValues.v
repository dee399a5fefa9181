(** Exact values for a network of two layers of one weight each. *)
From Coq Require Import ZArith QArith.
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions Network lemmas.Identities lemmas.Averages lemmas.Affine lemmas.Rationals.
From sgdvar Require Import lemmas.Evaluation lemmas.Regression.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Loss.
Variables (R : realFieldType) (n : nat) (x y : 'I_n -> R).
Local Notation grad := (network_gradient x y).

Lemma network_expansion w h : (0 < n)%N -> network_loss x y (w + h) =
  network_loss x y w + ((full_gradient grad w)^T *m h) 0 0
  + average (enum 'I_n) (fun i => network_residual x y i w * x i * (h 0 0 * h 1 0)
      + ((w 1 0 * h 0 0 + h 1 0 * w 0 0 + h 1 0 * h 0 0) * x i) ^+ 2 / 2%:R).
Proof.
move=> n_gt0; have all_gt0 : (0 < size (enum 'I_n))%N by rewrite size_enum_ord.
rewrite -(average_affine _ (product_affine h)) // /network_loss -!averageD; apply: eq_average => i.
have -> : ((grad i w)^T *m h) 0 0 = network_residual x y i w * x i * w 1 0 * h 0 0
    + network_residual x y i w * x i * w 0 0 * h 1 0.
  by rewrite mxE big_ord_recl big_ord1 !mxE /=; congr (_ * h _ _ + _ * h _ _); apply/val_inj.
have -> : network_residual x y i (w + h) =
    network_residual x y i w + (w 1 0 * h 0 0 + h 1 0 * w 0 0 + h 1 0 * h 0 0) * x i.
  by rewrite /network_residual -expand_network; congr (_ * _ * _ - _); rewrite mxE.
by rewrite expand_half regroup_network.
Qed.
End Loss.

Local Arguments Qred : simpl never.
Local Arguments Qmult : simpl never.
Local Arguments Qminus : simpl never.

Section Values.
Variables (X Y : seq Q).
Definition network_gradientQ i (w : seq Q) : seq Q :=
  let u := entry w 0 in let v := entry w 1 in
  let r := Qmult (Qminus (Qmult (Qmult v u) (entry X i)) (entry Y i)) (entry X i) in
  [:: Qred (Qmult r v); Qred (Qmult r u)].

Lemma network_gradientQE (R : realFieldType) n (x y : 'I_n -> R) :
  (forall i, x i = of_Q R (entry X (val i))) -> (forall i, y i = of_Q R (entry Y (val i))) ->
  forall i w, column R 2 (network_gradientQ (val i) w) = network_gradient x y i (column R 2 w).
Proof.
move=> xE yE i w; apply/colP => k; rewrite !mxE /network_residual !mxE xE yE.
by case: k => [[|[|//]] k_lt] /=; rewrite of_Q_red !of_QM of_QB !of_QM.
Qed.
End Values.

(** ** The example *)
Section Example.
Variable R : realFieldType.
Let numbersQ := map (fun k => inject_Z (Z.of_nat k)).
Let X := numbersQ [:: 1; 1; 2; 2]%N.
Let Y := numbersQ [:: 0; 0; 0; 0]%N.
Let start := numbersQ [:: 2; 1]%N.
Let A := [:: numbersQ [:: 1; 0]%N; numbersQ [:: 0; 1]%N].
Let valueQ d b := gradient_varianceQ 4 2 (network_gradientQ X Y) (fun=> Qmake 1 4) start 2 A d b 1.

Lemma network_value d b :
  gradient_variance (network_gradient (@example_input R) (@example_target R))
    (fun=> 1 / 4%:R) (@example_start R) 1%:M d b 1 =
  of_Q R (valueQ d b).
Proof.
rewrite -(gradient_variance_value (grad := network_gradient (@example_input R) (@example_target R))); last first.
  apply: network_gradientQE => -[[|[|[|[|//]]]] k_lt]; rewrite /= /of_Q /= ?divr1 ?mul0r //.
have -> : column R 2 start = example_start R.
  by apply/colP => -[[|[|//]] k_lt]; rewrite !mxE /of_Q /= divr1.
have -> : matrix R 2 2 A = 1%:M.
  by apply/matrixP => -[[|[|//]] k_lt] [[|[|//]] j_lt]; rewrite !mxE /of_Q /= ?divr1.
by [].
Qed.

Lemma network_values d : of_Q R (valueQ d 1) = 0 /\ 0 < of_Q R (valueQ d 2).
Proof.
case: d; split.
- have -> : valueQ WithoutReplacement 1 = zeroQ by vm_compute.
  exact: of_Q0.
- have -> : valueQ WithoutReplacement 2 = Qmake 6885 1024 by vm_compute.
  exact: of_Q_gt0.
- have -> : valueQ WithReplacement 1 = zeroQ by vm_compute.
  exact: of_Q0.
have -> : valueQ WithReplacement 2 = Qmake 61965 8192 by vm_compute.
exact: of_Q_gt0.
Qed.

Theorem network_increase d :
  let V b := gradient_variance (network_gradient (@example_input R) (@example_target R))
    (fun=> 1 / 4%:R) (@example_start R) 1%:M d b 1 in
  V 1%N = 0 /\ 0 < V 2%N.
Proof. by rewrite /= !network_value; apply: network_values. Qed.
End Example.
