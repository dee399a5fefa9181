(** * A network of two layers, to show what linear regression has and networks have not.

The network maps a number x to w_2 w_1 x; in the column w of its two weights, w 0 0 is w_1 and w 1 0 is w_2. Example i
has the input x i and the target y i; its loss is half the squared residual. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Network.
Variables (R : realFieldType) (n : nat) (x y : 'I_n -> R).
Definition network_residual i (w : 'cV[R]_2) : R := w 1 0 * w 0 0 * x i - y i.
Definition network_loss w : R := average (enum 'I_n) (fun i => network_residual i w ^+ 2 / 2%:R).
Definition network_gradient i w : 'cV[R]_2 :=
  \col_k (network_residual i w * x i * (if k == 0 then w 1 0 else w 0 0)).
End Network.

(** Four examples with inputs 1, 1, 2, 2 and targets 0, and the start w_1 = 2, w_2 = 1. *)
Section Example.
Variable R : realFieldType.
Definition example_input (i : 'I_4) : R := nth 0 [:: 1; 1; 2%:R; 2%:R] i.
Definition example_target (i : 'I_4) : R := 0.
Definition example_start : 'cV[R]_2 := \col_k (if k == 0 then 2%:R else 1).
End Example.
