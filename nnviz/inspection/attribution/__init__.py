"""Why did it decide so?"""

from .blur_ig import (
    blur_ig,
)
from .cam import (
    cam,
    element_wise_cam,
    grad_cam,
    grad_cam_plus_plus,
    hires_cam,
    layer_cam,
    random_cam,
    xgrad_cam,
)
from .cam_eigen import (
    eigen_cam,
    eigen_grad_cam,
    fem,
    kpca_cam,
)
from .cam_joined import (
    finer_cam,
    guided_grad_cam,
    refine_cam,
    shapley_cam,
    smooth_grad_cam_plus_plus,
)
from .cam_scores import (
    ablation_cam,
    fast_score_cam,
    group_cam,
    is_cam,
    score_cam,
    ss_cam,
)
from .composites import (
    COMPOSITES,
)
from .deep_lift import (
    deep_lift,
    deep_lift_shap,
)
from .excitation import (
    excitation_backprop,
)
from .explain import (
    explain,
)
from .forgrad import (
    forgrad,
    low_pass,
)
from .full_grad import (
    full_grad,
    smooth_full_grad,
)
from .goal import (
    Goal,
    as_goal,
)
from .gradients import (
    deconvnet,
    gradient,
    guided_backprop,
    input_x_gradient,
    saliency,
)
from .guided_ig import (
    guided_ig,
)
from .layer import (
    internal_influence,
    layer_conductance,
    layer_gradient_x_activation,
    layer_integrated_gradients,
)
from .layer_rules import (
    layer_deep_lift,
    layer_gradient_shap,
    layer_lrp,
)
from .lrp import (
    deep_taylor,
    lrp,
    lrp_alpha_beta,
    lrp_epsilon,
    lrp_gamma,
    lrp_zero,
)
from .methods import (
    METHODS,
    Method,
    method,
)
from .occlusion import (
    OCCLUSION_GUIDE,
    Occlusion,
    occlusion,
    occlusions,
)
from .path import (
    expected_gradients,
    gradient_shap,
    integrated_gradients,
)
from .perturbation import (
    SegmentAttribution,
    extremal_perturbation,
    feature_ablation,
    feature_permutation,
    hsic,
    kernel_shap,
    lime,
    meaningful_perturbation,
    rise,
    shapley_exact,
    shapley_sampling,
    sobol,
)
from .question import (
    Question,
)
from .rect_grad import (
    rect_grad,
)
from .rules import (
    RULES,
)
from .segments import (
    segments,
)
from .smooth import (
    smooth_grad,
    smooth_grad_squared,
    var_grad,
)
from .steady import DRAWN, Steady, until_steady
from .target import (
    Channel,
    Direction,
    Logit,
    LogProbability,
    Norm,
    Probability,
    Target,
)
from .xrai import (
    xrai,
)

__all__ = [
    "COMPOSITES",
    "DRAWN",
    "METHODS",
    "OCCLUSION_GUIDE",
    "RULES",
    "Channel",
    "Direction",
    "Goal",
    "LogProbability",
    "Logit",
    "Method",
    "Norm",
    "Occlusion",
    "Probability",
    "Question",
    "SegmentAttribution",
    "Steady",
    "Target",
    "ablation_cam",
    "as_goal",
    "blur_ig",
    "cam",
    "deconvnet",
    "deep_lift",
    "deep_lift_shap",
    "deep_taylor",
    "eigen_cam",
    "eigen_grad_cam",
    "element_wise_cam",
    "excitation_backprop",
    "expected_gradients",
    "explain",
    "extremal_perturbation",
    "fast_score_cam",
    "feature_ablation",
    "feature_permutation",
    "fem",
    "finer_cam",
    "forgrad",
    "full_grad",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "gradient_shap",
    "group_cam",
    "guided_backprop",
    "guided_grad_cam",
    "guided_ig",
    "hires_cam",
    "hsic",
    "input_x_gradient",
    "integrated_gradients",
    "internal_influence",
    "is_cam",
    "kernel_shap",
    "kpca_cam",
    "layer_cam",
    "layer_conductance",
    "layer_deep_lift",
    "layer_gradient_shap",
    "layer_gradient_x_activation",
    "layer_integrated_gradients",
    "layer_lrp",
    "lime",
    "low_pass",
    "lrp",
    "lrp_alpha_beta",
    "lrp_epsilon",
    "lrp_gamma",
    "lrp_zero",
    "meaningful_perturbation",
    "method",
    "occlusion",
    "occlusions",
    "random_cam",
    "rect_grad",
    "refine_cam",
    "rise",
    "saliency",
    "score_cam",
    "segments",
    "shapley_cam",
    "shapley_exact",
    "shapley_sampling",
    "smooth_full_grad",
    "smooth_grad",
    "smooth_grad_cam_plus_plus",
    "smooth_grad_squared",
    "sobol",
    "ss_cam",
    "until_steady",
    "var_grad",
    "xgrad_cam",
    "xrai",
]
