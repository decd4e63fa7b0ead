"""Why did it decide so?"""

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
from .question import (
    Question,
)
from .rect_grad import (
    rect_grad,
)
from .rules import (
    RULES,
)
from .target import (
    Channel,
    Direction,
    Logit,
    LogProbability,
    Norm,
    Probability,
    Target,
)

__all__ = [
    "COMPOSITES",
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
    "Target",
    "ablation_cam",
    "as_goal",
    "cam",
    "deconvnet",
    "deep_lift",
    "deep_lift_shap",
    "deep_taylor",
    "eigen_cam",
    "eigen_grad_cam",
    "element_wise_cam",
    "excitation_backprop",
    "explain",
    "fast_score_cam",
    "fem",
    "finer_cam",
    "full_grad",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient",
    "group_cam",
    "guided_backprop",
    "guided_grad_cam",
    "hires_cam",
    "input_x_gradient",
    "is_cam",
    "kpca_cam",
    "layer_cam",
    "lrp",
    "lrp_alpha_beta",
    "lrp_epsilon",
    "lrp_gamma",
    "lrp_zero",
    "method",
    "occlusion",
    "occlusions",
    "random_cam",
    "rect_grad",
    "refine_cam",
    "saliency",
    "score_cam",
    "shapley_cam",
    "smooth_full_grad",
    "smooth_grad_cam_plus_plus",
    "ss_cam",
    "xgrad_cam",
]
