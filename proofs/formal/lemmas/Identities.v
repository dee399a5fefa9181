(** Identities of polynomials and fractions, by Coq's tactics [ring] and [field] over any field. *)
From Coq Require Import Ring Field.
From mathcomp Require Import all_ssreflect all_algebra.
Import GRing.Theory Num.Theory.
Set Implicit Arguments.
Unset Strict Implicit.

Section AnyField.
Variables (K : Type) (zero one : K) (add mul sub div : K -> K -> K) (opp inv : K -> K).
Hypothesis K_field : field_theory zero one add mul sub opp div inv eq.
Add Field K_field : K_field.
Local Notation "r + s" := (add r s).  Local Notation "r * s" := (mul r s).  Local Notation "r - s" := (sub r s).
Local Notation "r / s" := (div r s).  Local Notation "1" := one.  Local Notation "0" := zero.

Lemma squares_mix_ r u v :
  r * (u * u) + (1 - r) * (v * v) - (r * u + (1 - r) * v) * (r * u + (1 - r) * v) = r * (1 - r) * ((u - v) * (u - v)).
Proof. ring. Qed.

Lemma extend_sum_squares_ n b b1 A C C1 P :
  b1 = b + 1 -> b1 * C1 = (n - b) * C -> n * A = b * C * P -> n * ((n - b - 1) * A + C * P) = b1 * (b1 * C1 * P).
Proof.
move=> -> C1_eq A_eq; have -> : (b + 1) * ((b + 1) * C1 * P) = (b + 1) * ((b + 1) * C1) * P by ring.
rewrite C1_eq; have -> : n * ((n - b - 1) * A + C * P) = (n - b - 1) * (n * A) + n * C * P by ring.
rewrite A_eq; ring.
Qed.

Lemma extend_squared_sums_ n b b1 A C C1 P Q :
  b1 = b + 1 -> b1 * C1 = (n - b) * C -> n * A = b * C * P -> n * (n - 1) * Q = b * (n - b) * C * P ->
  n * (n - 1) * ((n - b - 1 - 1) * Q + (C * P - A)) = b1 * (b1 * (n - b1) * C1 * P).
Proof.
move=> -> C1_eq A_eq Q_eq.
have -> : (b + 1) * ((b + 1) * (n - (b + 1)) * C1 * P) = (b + 1) * (n - (b + 1)) * P * ((b + 1) * C1) by ring.
rewrite C1_eq.
have -> : n * (n - 1) * ((n - b - 1 - 1) * Q + (C * P - A)) =
    (n - b - 1 - 1) * (n * (n - 1) * Q) + (n - 1) * (n * C * P - n * A) by ring.
rewrite A_eq Q_eq; ring.
Qed.

Lemma expand_sum_ n b P A : P - A + (n - b) * A = (n - b - 1) * A + P.
Proof. ring. Qed.

Lemma expand_square_ n b P Q S :
  P - Q + ((0 - S) * (S + S) + (n - b) * (S * S)) = (n - b - 1 - 1) * (S * S) + (P - Q).
Proof. ring. Qed.

Lemma without_replacement_ n b C P Q : n <> 0 -> n - 1 <> 0 -> b <> 0 -> C <> 0 ->
  n * (n - 1) * Q = b * (n - b) * C * P -> inv (b * b) * Q / C = (n - b) / (b * (n - 1)) * (P / n).
Proof.
move=> n0 n1 b0 C0 Q_eq; have -> : Q = b * (n - b) * C * P / (n * (n - 1)) by rewrite -Q_eq; field; do ?split.
by field; do ?split.
Qed.

Lemma with_replacement_ n b N P Q : n <> 0 -> b <> 0 -> N <> 0 ->
  n * Q = b * N * P -> inv (b * b) * Q / N = 1 / b * (P / n).
Proof.
move=> n0 b0 N0 Q_eq; have -> : Q = b * N * P / n by rewrite -Q_eq; field.
by field; do ?split.
Qed.

Lemma spread_ r n c x S : r / n * (x * c) * S = r * x * (c * (S / n)).
Proof. rewrite !(Fdiv_def K_field); ring. Qed.

Lemma expand_half_ r s h : h * (1 + 1) = 1 -> (r * r + (r * s + r * s) + s * s) * h = r * r * h + (r * s + s * s * h).
Proof.
move=> h2; have -> : (r * r + (r * s + r * s) + s * s) * h = r * r * h + (r * s * (h * (1 + 1)) + s * s * h) by ring.
by rewrite h2; ring.
Qed.

Lemma expand_loss_ r m s k h w wh hh : h * (1 + 1) = 1 ->
  r + (m + s) + k * h * (w + (wh + wh) + hh) = r + k * h * w + (m + k * wh) + (s + k * h * hh).
Proof.
move=> h2; have -> : r + (m + s) + k * h * (w + (wh + wh) + hh) =
  r + (m + s) + k * h * w + k * (h * (1 + 1)) * wh + k * h * hh by ring.
by rewrite h2; ring.
Qed.

Lemma expand_network_ u v h k x y : (v + k) * (u + h) * x - y = v * u * x - y + (v * h + k * u + k * h) * x.
Proof. ring. Qed.

Lemma regroup_network_ l r x u v h k s :
  l + (r * ((v * h + k * u + k * h) * x) + s) = l + (r * x * v * h + r * x * u * k) + (r * x * (h * k) + s).
Proof. ring. Qed.
End AnyField.

Local Open Scope ring_scope.
Section OrderedField.
Variable R : realFieldType.

Lemma R_field : field_theory (0 : R) 1 +%R *%R (fun r s => r - s) -%R (fun r s => r / s) GRing.inv (@eq R).
Proof.
split=> [||//|r /eqP]; last exact: mulVf; last by apply/eqP; exact: oner_neq0.
split=> *; rewrite ?add0r ?mul1r ?subrr ?mulrDl ?mulrA ?addrA //; [exact: addrC|exact: mulrC].
Qed.

Lemma squares_mix (r u v : R) :
  r * u ^+ 2 + (1 - r) * v ^+ 2 - (r * u + (1 - r) * v) ^+ 2 = r * (1 - r) * (u - v) ^+ 2.
Proof. by rewrite !expr2; apply: squares_mix_ R_field _ _ _. Qed.

Lemma extend_sum_squares (n b b1 A C C1 P : R) :
  b1 = b + 1 -> b1 * C1 = (n - b) * C -> n * A = b * C * P -> n * ((n - b - 1) * A + C * P) = b1 * (b1 * C1 * P).
Proof. exact: extend_sum_squares_ R_field _ _ _ _ _ _ _. Qed.

Lemma extend_squared_sums (n b b1 A C C1 P Q : R) :
  b1 = b + 1 -> b1 * C1 = (n - b) * C -> n * A = b * C * P -> n * (n - 1) * Q = b * (n - b) * C * P ->
  n * (n - 1) * ((n - b - 1 - 1) * Q + (C * P - A)) = b1 * (b1 * (n - b1) * C1 * P).
Proof. exact: extend_squared_sums_ R_field _ _ _ _ _ _ _ _. Qed.

Lemma expand_sum (n b P A : R) : P - A + (n - b) * A = (n - b - 1) * A + P.
Proof. exact: expand_sum_ R_field _ _ _ _. Qed.

Lemma expand_square (n b P Q S : R) :
  P - Q + ((0 - S) * (S + S) + (n - b) * S ^+ 2) = (n - b - 1 - 1) * S ^+ 2 + (P - Q).
Proof. by rewrite !expr2; apply: expand_square_ R_field _ _ _ _ _. Qed.

Lemma without_replacement (n b C P Q : R) : n != 0 -> n - 1 != 0 -> b != 0 -> C != 0 ->
  n * (n - 1) * Q = b * (n - b) * C * P -> (b ^+ 2)^-1 * Q / C = (n - b) / (b * (n - 1)) * (P / n).
Proof.
by move=> /eqP n0 /eqP n1 /eqP b0 /eqP C0; rewrite expr2; apply: without_replacement_ R_field _ _ _ _ _ n0 n1 b0 C0.
Qed.

Lemma with_replacement (n b N P Q : R) : n != 0 -> b != 0 -> N != 0 ->
  n * Q = b * N * P -> (b ^+ 2)^-1 * Q / N = 1 / b * (P / n).
Proof. by move=> /eqP n0 /eqP b0 /eqP N0; rewrite expr2; apply: with_replacement_ R_field _ _ _ _ _ n0 b0 N0. Qed.

Lemma spread_term (r n c x S : R) : r / n * (x * c) * S = r * x * (c * (S / n)).
Proof. exact: spread_ R_field _ _ _ _ _. Qed.

Lemma half_twice : 2%:R^-1 * (1 + 1) = 1 :> R.
Proof. by rewrite -mulr2n mulVf // pnatr_eq0. Qed.

Lemma expand_half (r s : R) : (r + s) ^+ 2 / 2%:R = r ^+ 2 / 2%:R + (r * s + s ^+ 2 / 2%:R).
Proof. by rewrite sqrrD mulr2n !expr2; apply: expand_half_ R_field _ _ _ half_twice. Qed.

Lemma expand_loss (r m s k w wh hh : R) : r + (m + s) + k / 2%:R * (w + wh *+ 2 + hh) =
  r + k / 2%:R * w + (m + k * wh) + (s + k / 2%:R * hh).
Proof. by rewrite mulr2n; apply: expand_loss_ R_field _ _ _ _ _ _ _ _ half_twice. Qed.

Lemma expand_network (u v h k x y : R) : (v + k) * (u + h) * x - y = v * u * x - y + (v * h + k * u + k * h) * x.
Proof. exact: expand_network_ R_field _ _ _ _ _ _. Qed.

Lemma regroup_network (l r x u v h k s : R) :
  l + (r * ((v * h + k * u + k * h) * x) + s) = l + (r * x * v * h + r * x * u * k) + (r * x * (h * k) + s).
Proof. exact: regroup_network_ R_field _ _ _ _ _ _ _ _. Qed.
End OrderedField.
