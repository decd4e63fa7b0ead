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
    "eigen_cam",
    "eigen_grad_cam",
    "element_wise_cam",
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
    "method",
    "occlusion",
    "occlusions",
    "random_cam",
    "refine_cam",
    "saliency",
    "score_cam",
    "shapley_cam",
    "smooth_full_grad",
    "smooth_grad_cam_plus_plus",
    "ss_cam",
    "xgrad_cam",
]
