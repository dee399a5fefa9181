(** Coq's rational numbers, which compute fast, inside every ordered field. *)
From Coq Require Import ZArith QArith Lia.
From mathcomp Require Import all_ssreflect all_algebra.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Rationals.
Variable R : realFieldType.

Definition of_Z (z : Z) : R := match z with Z0 => 0 | Zpos k => (Pos.to_nat k)%:R | Zneg k => - (Pos.to_nat k)%:R end.
Definition of_Q (q : Q) : R := of_Z (Qnum q) / (Pos.to_nat (Qden q))%:R.

Lemma pos_neq0 k : (Pos.to_nat k)%:R != 0 :> R.
Proof. by rewrite pnatr_eq0 -lt0n; apply/ssrnat.ltP/Pos2Nat.is_pos. Qed.

Lemma of_ZE z : of_Z z = (Z.to_nat z)%:R - (Z.to_nat (- z))%:R.
Proof. by case: z => [|k|k] /=; rewrite ?subr0 ?sub0r. Qed.

Lemma of_ZD z z' : of_Z (z + z') = of_Z z + of_Z z'.
Proof.
rewrite !of_ZE; apply/eqP; rewrite addrACA -opprD subr_eq addrAC eq_sym subr_eq -!natrD eqr_nat.
by apply/eqP; rewrite -!plusE; lia.
Qed.

Lemma of_ZM z z' : of_Z (z * z') = of_Z z * of_Z z'.
Proof.
by case: z z' => [|k|k] [|k'|k'] /=; rewrite ?mul0r ?mulr0 ?mulrNN ?mulrN ?mulNr // Pos2Nat.inj_mul multE natrM.
Qed.

Lemma of_Q_eq q q' : Qeq q q' -> of_Q q = of_Q q'.
Proof.
move=> /(congr1 of_Z); rewrite !of_ZM /of_Q => qq'.
by apply/eqP; rewrite eqr_div ?pos_neq0 //; apply/eqP.
Qed.

Lemma of_Q_red q : of_Q (Qred q) = of_Q q.
Proof. exact/of_Q_eq/Qred_correct. Qed.

Lemma of_Q0 : of_Q 0 = 0.
Proof. by rewrite /of_Q mul0r. Qed.

Lemma of_QD q q' : of_Q (q + q') = of_Q q + of_Q q'.
Proof. by rewrite /of_Q /= addf_div ?pos_neq0 // of_ZD !of_ZM Pos2Nat.inj_mul multE natrM. Qed.

Lemma of_QM q q' : of_Q (q * q') = of_Q q * of_Q q'.
Proof. by rewrite /of_Q /= mulf_div of_ZM Pos2Nat.inj_mul multE natrM. Qed.

Lemma of_QN q : of_Q (- q) = - of_Q q.
Proof.
rewrite /of_Q /= -mulNr; congr (_ / _).
by case: (Qnum q) => [|k|k] /=; rewrite ?oppr0 ?opprK.
Qed.

Lemma of_QB q q' : of_Q (q - q') = of_Q q - of_Q q'.
Proof. by rewrite /Qminus of_QD of_QN. Qed.

Lemma of_Q_nat k : of_Q (inject_Z (Z.of_nat k)) = k%:R.
Proof. by rewrite /of_Q divr1; case: k => //= k; rewrite SuccNat2Pos.id_succ. Qed.

Lemma of_QV q : of_Q (/ q) = (of_Q q)^-1.
Proof.
rewrite /of_Q /Qinv invf_div; case: (Qnum q) => [|k|k] //=; first by rewrite mul0r invr0 mulr0.
by rewrite mulNr invrN mulrN.
Qed.

Lemma of_Q_gt0 k k' : 0 < of_Q (Zpos k # k').
Proof. by rewrite divr_gt0 // lt_neqAle ler0n andbT eq_sym pos_neq0. Qed.
End Rationals.
