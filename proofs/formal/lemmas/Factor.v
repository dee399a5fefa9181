(** The variance factor decreases in the batch size, and so does every polynomial in it without negative coefficient. *)
From mathcomp Require Import all_ssreflect all_algebra.
From sgdvar Require Import Definitions lemmas.Averages lemmas.OneBatch.
Import GRing.Theory Num.Theory Order.Theory.
Local Open Scope ring_scope.
Set Implicit Arguments.
Unset Strict Implicit.

Section Factor.
Variables (R : realFieldType) (n : nat).
Local Notation c := (variance_factor R n).

Lemma without_replacement_div b : c WithoutReplacement b = (n%:R - b%:R) / (n%:R - 1) / b%:R.
Proof. by rewrite /variance_factor invfM mulrCA mulrC. Qed.

Lemma examples_sub1_ge0 d b : valid n d b -> 0 <= n%:R - 1 :> R.
Proof. by move=> /valid_examples n_gt0; rewrite subr_ge0 ler1n. Qed.

Lemma factor_ge0 d b : valid n d b -> 0 <= c d b.
Proof.
move=> b_valid; have n1 := examples_sub1_ge0 b_valid; case: d b_valid => /andP[_ b_le]; last first.
  by rewrite /variance_factor divr_ge0 ?ler01 ?ler0n.
by rewrite /variance_factor divr_ge0 ?mulr_ge0 ?ler0n // subr_ge0 ler_nat.
Qed.

Lemma factor_full : c WithoutReplacement n = 0.
Proof. by rewrite /variance_factor subrr mul0r. Qed.

Lemma factor_next d b b' : valid n d b -> valid n d b' -> (b < b')%N -> c d b' < c d b.
Proof.
move=> b_valid b'_valid bb'; have b_gt0 := valid_gt0 b_valid; have b'_gt0 := valid_gt0 b'_valid.
have inv_lt : b'%:R^-1 < b%:R^-1 :> R by rewrite ltf_pinv ?posrE ?ltr0n // ltr_nat.
case: d b_valid b'_valid => /andP[_ b_le] /andP[_ b'_le]; last by rewrite /variance_factor !mul1r.
have b_lt : (b < n)%N by apply: leq_trans b'_le.
rewrite !without_replacement_div -!mulrA ltr_pmul ?mulr_ge0 ?invr_ge0 ?subr_ge0 ?ler_nat ?ler0n ?ler1n //.
- exact: leq_trans b_lt.
- by rewrite ltr_add2l ltr_opp2 ltr_nat.
by rewrite ltr_pmul2l // invr_gt0 subr_gt0 ltr1n (leq_ltn_trans b_gt0).
Qed.

Lemma factor_double d b : valid n d b -> valid n d b.*2 -> c d b.*2 <= 2%:R^-1 * c d b.
Proof.
move=> b_valid b2_valid; have n1 := examples_sub1_ge0 b_valid.
case: d b_valid b2_valid => /andP[_ b_le] /andP[_ b2_le]; last first.
  by rewrite /variance_factor -muln2 natrM !mul1r invfM mulrC.
rewrite !without_replacement_div -muln2 natrM invfM [leRHS]mulrC !mulrA.
do 3 rewrite ler_wpmul2r ?invr_ge0 ?ler0n //.
by rewrite ler_add2l ler_opp2 -natrM ler_nat leq_pmulr.
Qed.

Lemma factor_designs b : valid n WithoutReplacement b -> c WithoutReplacement b <= c WithReplacement b.
Proof.
move=> b_valid; rewrite without_replacement_div /variance_factor; apply: ler_wpmul2r; first by rewrite invr_ge0 ler0n.
case/andP: b_valid => b_gt0 b_le; have [n_gt1|n_le1] := ltnP 1 n.
  by rewrite ler_pdivr_mulr ?subr_gt0 ?ltr1n // mul1r ler_add2l ler_opp2 ler1n.
have -> : n = 1%N by apply/eqP; rewrite eqn_leq n_le1 (leq_trans b_gt0).
by rewrite mulr1n subrr invr0 mulr0 ler01.
Qed.
End Factor.

Section Polynomial.
Variables (R : realFieldType) (q : {poly R}).
Hypothesis q_ge0 : forall k, 0 <= q`_k.

Lemma horner_ge0 (u : R) : 0 <= u -> 0 <= q.[u].
Proof. by move=> u_ge0; rewrite horner_coef sumr_ge0 // => i _; rewrite mulr_ge0 ?exprn_ge0. Qed.

Lemma horner_le (u v : R) : 0 <= u -> u <= v -> q.[u] <= q.[v].
Proof.
move=> u_ge0 uv; rewrite !horner_coef ler_sum // => i _.
by rewrite ler_wpmul2l // ler_expn2r ?nnegrE // (le_trans u_ge0).
Qed.

Hypothesis q_0 : q`_0 = 0.

Lemma horner_scale (r u : R) : 0 <= u -> 0 <= r <= 1 -> q.[r * u] <= r * q.[u].
Proof.
move=> u_ge0 /andP[r_ge0 r_le1]; rewrite !horner_coef mulr_sumr ler_sum // => -[[|i] i_lt] _ /=.
  by rewrite q_0 !mul0r mulr0.
rewrite mulrCA ler_wpmul2l // exprMn ler_wpmul2r ?exprn_ge0 //.
by rewrite exprS ler_pimulr // exprn_ile1.
Qed.

Lemma horner_lt (u v : R) : 0 <= u -> u < v -> q.[v] != 0 -> q.[u] < q.[v].
Proof.
move=> u_ge0 uv qv; have v_gt0 : 0 < v by exact: le_lt_trans uv.
have -> : u = (u / v) * v by rewrite divfK ?gt_eqF.
have r01 : 0 <= u / v <= 1 by rewrite divr_ge0 ?(ltW v_gt0) //= ler_pdivr_mulr // mul1r ltW.
apply: le_lt_trans (horner_scale (ltW v_gt0) r01) _.
rewrite gtr_pmull ?ltr_pdivr_mulr ?mul1r // lt_neqAle eq_sym qv /=.
exact: horner_ge0 (ltW v_gt0).
Qed.
End Polynomial.
