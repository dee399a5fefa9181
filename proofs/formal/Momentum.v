(** * Momentum. The words are those of Definitions.v.

v_{t+1} = momentum_t v_t - step_size_t g_t and w_{t+1} = w_t + v_{t+1}, where g_t is the batch gradient at
w_t + lookahead_t v_t. The heavy ball has lookahead 0, Nesterov's method lookahead = momentum. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Momentum.
Variables (R : realFieldType) (n p : nat) (example_gradient : 'I_n -> 'cV[R]_p -> 'cV[R]_p).
Variables (step_size momentum lookahead : nat -> R) (start : 'cV[R]_p).

Definition gradient_ahead (B : batch n) t (wv : 'cV[R]_p * 'cV[R]_p) : 'cV[R]_p :=
  batch_gradient example_gradient B (wv.1 + lookahead t *: wv.2).

(** Weights and velocity after t steps. *)
Fixpoint weights_velocity (Bs : seq (batch n)) (t : nat) : 'cV[R]_p * 'cV[R]_p :=
  if t is s.+1 then
    let wv := weights_velocity Bs s in
    let velocity := momentum s *: wv.2 - step_size s *: gradient_ahead (nth [::] Bs s) s wv in
    (wv.1 + velocity, velocity)
  else (start, 0).

Definition momentum_weights Bs t := (weights_velocity Bs t).1.
Definition momentum_gradient Bs t := gradient_ahead (nth [::] Bs t) t (weights_velocity Bs t).
End Momentum.
