from typing import Final

from sgdvar.agreement import (
    Report as Report,
    verify as verify,
)
from sgdvar.certificates import (
    Certificate as Certificate,
    Verdict as Verdict,
)
from sgdvar.certify import (
    certify_convex as certify_convex,
    certify_covariance_decreasing as certify_covariance_decreasing,
    certify_decreasing as certify_decreasing,
    certify_halving as certify_halving,
    certify_positive_definite as certify_positive_definite,
    certify_scalar_networks as certify_scalar_networks,
    certify_scaled_decreasing as certify_scaled_decreasing,
)
from sgdvar.check import (
    check_certificate as check_certificate,
)
from sgdvar.data import (
    Dataset as Dataset,
    DiscretePopulation as DiscretePopulation,
    GaussianPopulation as GaussianPopulation,
)
from sgdvar.enumeration import (
    enumerate_batches as enumerate_batches,
    enumerate_expected_loss as enumerate_expected_loss,
    enumerate_full_gradient_variance as enumerate_full_gradient_variance,
    enumerate_gradient_covariance as enumerate_gradient_covariance,
    enumerate_gradient_second_moment as enumerate_gradient_second_moment,
    enumerate_gradient_variance as enumerate_gradient_variance,
    enumerate_mean_gradient as enumerate_mean_gradient,
    enumerate_mean_weights as enumerate_mean_weights,
    enumerate_variance as enumerate_variance,
    enumerate_weight_covariance as enumerate_weight_covariance,
)
from sgdvar.errors import (
    BudgetExceededError as BudgetExceededError,
    CertificateError as CertificateError,
    CheckpointError as CheckpointError,
    NonFiniteError as NonFiniteError,
    NotExactError as NotExactError,
)
from sgdvar.exact import (
    expected_loss as expected_loss,
    full_gradient_variance as full_gradient_variance,
    gradient_covariance as gradient_covariance,
    gradient_fourth_moment as gradient_fourth_moment,
    gradient_second_moment as gradient_second_moment,
    gradient_variance as gradient_variance,
    gradient_variance_in_time as gradient_variance_in_time,
    mean_gradient as mean_gradient,
    mean_weights as mean_weights,
    stable_step_size as stable_step_size,
    variance_degree_bound as variance_degree_bound,
    weight_covariance as weight_covariance,
)
from sgdvar.monte_carlo import (
    Estimate as Estimate,
    RunOptions as RunOptions,
    detectable_discrepancy as detectable_discrepancy,
    estimate_difference as estimate_difference,
    estimate_expected_loss as estimate_expected_loss,
    estimate_full_gradient_variance as estimate_full_gradient_variance,
    estimate_gradient_second_moment as estimate_gradient_second_moment,
    estimate_gradient_variance as estimate_gradient_variance,
    estimate_mean_gradient as estimate_mean_gradient,
    estimate_mean_weights as estimate_mean_weights,
    estimate_weight_covariance as estimate_weight_covariance,
    replicates_needed as replicates_needed,
)
from sgdvar.orders import (
    ORDERS as ORDERS,
    certify_order as certify_order,
)
from sgdvar.polynomial import (
    BatchPolynomial as BatchPolynomial,
)
from sgdvar.problems import (
    DeepLinearNetwork as DeepLinearNetwork,
    DifferentiableModel as DifferentiableModel,
    LinearRegression as LinearRegression,
)
from sgdvar.process import (
    SGD as SGD,
)
from sgdvar.sampling import (
    IID as IID,
    BatchDesign as BatchDesign,
    RandomReshuffling as RandomReshuffling,
    WithoutReplacement as WithoutReplacement,
    WithReplacement as WithReplacement,
)
from sgdvar.scalars import (
    rationalize as rationalize,
)
from sgdvar.search import (
    FiniteFamily as FiniteFamily,
    GaussianFamily as GaussianFamily,
    PopulationFamily as PopulationFamily,
    SearchClaim as SearchClaim,
    SearchRecord as SearchRecord,
    SearchResult as SearchResult,
    search_counterexample as search_counterexample,
)
from sgdvar.thresholds import (
    largest_batch_size as largest_batch_size,
    smallest_batch_size as smallest_batch_size,
)

__version__: Final[str]
__all__: list[str]
