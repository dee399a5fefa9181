(** * What a reader must trust: the definitions

In words: a batch is a list of examples; its gradient is the average of its examples'
gradients. A run draws one batch after the other, and step t moves the weights against
the gradient of batch t. An expectation is the plain average over all sequences of
batches that can be drawn; a variance is the expected squared distance from the mean.

R is any ordered field (the rational numbers, the real numbers), ['cV[R]_p] are columns
of p numbers, ['M[R]_(m, p)] matrices with m rows and p columns, [lmodType R] any vector
space over R. [v i 0] is entry i of the column v, [^T] the transpose, [*m] the product of
matrices, [r *: v] the vector v times the number r, [k%:R] the natural number k in R.

['I_n] are the numbers 0, ..., n - 1: the examples. [seq T] are finite lists; [nth d s k]
is member number k of s, from 0 on, and d beyond the end; [[seq f a | a <- s & P]] lists
f a for the members a of s with the property P; [enum] lists a finite set in order, and
[#|B|] is its size. [t.+1] is t + 1; [%N] marks arithmetic of natural numbers. *)
From mathcomp Require Import all_ssreflect all_algebra.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Averages.
Variables (R : realFieldType) (T : Type).

(** The plain average over a list: of numbers, and of vectors. *)
Definition average (s : seq T) (f : T -> R) : R := (\sum_(a <- s) f a) / (size s)%:R.
Definition mean (V : lmodType R) (s : seq T) (f : T -> V) : V := (size s)%:R^-1 *: \sum_(a <- s) f a.

(** The squared length of a vector, and the variance: the average squared distance from the mean. *)
Definition square_norm m (v : 'cV[R]_m) : R := \sum_i v i 0 ^+ 2.
Definition variance m (s : seq T) (f : T -> 'cV[R]_m) : R := average s (fun a => square_norm (f a - mean s f)).

Definition convex (V : lmodType R) (F : V -> R) : Prop :=
  forall u v r, 0 <= r <= 1 -> F (r *: u + (1 - r) *: v) <= r * F u + (1 - r) * F v.
End Averages.

(** All batches of size b. Without replacement: each set of b examples. With replacement: each word of b examples. *)
Inductive design := WithoutReplacement | WithReplacement.
Definition batch n := seq 'I_n.
Definition batches n (d : design) (b : nat) : seq (batch n) :=
  match d with
  | WithoutReplacement => [seq enum B | B : {set 'I_n} <- enum {: {set 'I_n}} & #|B| == b]
  | WithReplacement => [seq val B | B <- enum {: b.-tuple 'I_n}]
  end.
Definition valid n (d : design) (b : nat) : bool :=
  match d with WithoutReplacement => (0 < b <= n)%N | WithReplacement => (0 < b)%N && (0 < n)%N end.

(** All sequences of k batches. Expectations are averages over this list. *)
Fixpoint batch_sequences n (d : design) (b k : nat) : seq (seq (batch n)) :=
  if k is j.+1 then [seq B :: Bs | B <- batches n d b, Bs <- batch_sequences n d b j] else [:: [::]].

(** The variance factor; division by 0 gives 0, so it is 0 for n = 1 without replacement. *)
Definition variance_factor (R : realFieldType) n (d : design) (b : nat) : R :=
  match d with
  | WithoutReplacement => (n%:R - b%:R) / (b%:R * (n%:R - 1))
  | WithReplacement => 1 / b%:R
  end.

Section SGD.
Variables (R : realFieldType) (n p : nat).
Variable example_gradient : 'I_n -> 'cV[R]_p -> 'cV[R]_p.
Variables (step_size : nat -> R) (start : 'cV[R]_p).

Definition batch_gradient (B : batch n) w := mean B (fun i => example_gradient i w).
Definition full_gradient w := batch_gradient (enum 'I_n) w.

(** Step t draws batch number t of the sequence Bs. *)
Fixpoint weights (Bs : seq (batch n)) (t : nat) : 'cV[R]_p :=
  if t is s.+1 then weights Bs s - step_size s *: batch_gradient (nth [::] Bs s) (weights Bs s) else start.
Definition gradient Bs t := batch_gradient (nth [::] Bs t) (weights Bs t).

(** Gradient descent on all examples. *)
Fixpoint descent (t : nat) : 'cV[R]_p :=
  if t is s.+1 then descent s - step_size s *: full_gradient (descent s) else start.

(** Over all batches so far: E phi(w_t), E phi(g_t), E w_t, E A g_t, Var(A w_t), Var(A g_t), Var(A grad L(w_t)). *)
Definition expect_weights (phi : 'cV[R]_p -> R) d b t :=
  average (batch_sequences n d b t) (fun Bs => phi (weights Bs t)).
Definition expect_gradient (phi : 'cV[R]_p -> R) d b t :=
  average (batch_sequences n d b t.+1) (fun Bs => phi (gradient Bs t)).
Definition mean_weights d b t := mean (batch_sequences n d b t) (fun Bs => weights Bs t).
Definition mean_gradient m (A : 'M_(m, p)) d b t :=
  mean (batch_sequences n d b t.+1) (fun Bs => A *m gradient Bs t).
Definition weights_variance m (A : 'M_(m, p)) d b t :=
  variance (batch_sequences n d b t) (fun Bs => A *m weights Bs t).
Definition gradient_variance m (A : 'M_(m, p)) d b t :=
  variance (batch_sequences n d b t.+1) (fun Bs => A *m gradient Bs t).
Definition full_gradient_variance m (A : 'M_(m, p)) d b t :=
  variance (batch_sequences n d b t) (fun Bs => A *m full_gradient (weights Bs t)).
End SGD.

(** Linear regression: example i has inputs x i and target y i; its loss is half the squared residual, plus
decay / 2 times the squared length of w where weights decay. *)
Section LinearRegression.
Variables (R : realFieldType) (n p : nat) (x : 'I_n -> 'cV[R]_p) (y : 'I_n -> R) (decay : R).
Definition residual i (w : 'cV[R]_p) : R := ((x i)^T *m w) 0 0 - y i.
Definition loss w : R := average (enum 'I_n) (fun i => residual i w ^+ 2 / 2%:R) + decay / 2%:R * square_norm w.
Definition regression_gradient i w : 'cV[R]_p := residual i w *: x i + decay *: w.
End LinearRegression.
