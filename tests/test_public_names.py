import inspect
import re

import pytest

import keras_landmarks

NAMES = [
    "Detection",
    "Landmarker",
    "Tracker",
    "__version__",
    "bulk",
    "data",
    "draw",
    "errors",
    "evaluation",
    "export",
    "faces",
    "files",
    "geometry",
    "layers",
    "list_models",
    "load",
    "losses",
    "metrics",
    "models",
    "pictures",
    "recipes",
    "runtime",
    "schemes",
    "shapes",
    "training",
]

ERRORS = """NORMALISERS auc ced face_errors failure_rate normaliser point_errors region_errors"""
MODULES = {
    "data": """HARD LIGHT PROTOCOLS SPLITS STRONG Augmentation BrokenFile Face LossBalance
        PoseBalance Protocol Samples balance_poses draw_samples get_protocol lay_boxes
        made_up_face
        made_up_faces part_of read_300vw read_300w read_aflw read_any read_bounding_boxes read_coco
        read_cofw read_cofw68 read_cvat read_dlib read_helen29 read_labelme read_labelstudio
        read_lapa read_lp read_merl read_pts read_pts_folders read_split read_table read_wflw
        read_wflw_list split_by_photo splits_in write_coco write_dlib write_pts write_records
        write_table""",
    "bulk": "Annotator FACTS annotate",
    "errors": ERRORS,
    "evaluation": """BOXES Check DISTURBANCES Evaluation OccludedFace check_faces disturb evaluate
        false_detection_auc hidden_and_visible
        occlude plot_ced plot_discarding plot_reliability""",
    "export": "FORMATS INT8_LIMIT KERAS_NAMES export",
    "faces": """BlazeFace CONVENTIONS Convention Detection Detections Framed Mtcnn OneEuro Pose
        TEMPLATES Track Tracker align align_transform calibrate check_boxes convention_of
        convert_boxes cut_crops detect_boxes detect_faces draw_scheme find_face find_faces
        get_convention overlap predict_in_parts""",
    "files": "as_path as_text files_in whole write_bytes write_json",
    "geometry": """FAR box_from_landmarks box_transform compose finite fit_similarity invert
        mirror_transform move_box namespace points_from_map points_on_map resize_points
        resize_transform similarity_transform square_box transform_points""",
    "layers": """BatchNormalization FeatureImage HeatmapDecoding HeatmapGeneration HeatmapMean
        ImageTransform
        LandmarkCrop LandmarkTransform MeanShape ScoreWeights ShapeDictionary TransformEstimation
        TransformJitter UpsampledSum""",
    "losses": """Align DISTANCES Heatmaps IodL2 L1 L2 NormalisedDistance ScoreMaps SmoothL1
        Validation Wing align heatmaps iod_l2 l1 l2 normalised_distance score_maps smooth_l1
        validation wing""",
    "metrics": f"AUC FailureRate NME {ERRORS}",
    "models": "cnn cnn6 cnn6_7 cnn7 dan ensemble ffld hourglass resnet unet validation",
    "pictures": """CODECS VideoReader VideoWriter anonymise as_rgb draw is_video read_ahead
        read_image reduce warp write_image""",
    "recipes": "get_recipe list_recipes",
    "runtime": "ExportedModel MARK open_model read_facts",
    "schemes": """AFLW19 APPROXIMATE_CONVERSIONS COFW29 FIVE5 IBUG49 IBUG51 IBUG68 LAPA106
        MENPO39 PUBLISHED SCHEMES Scheme WFLW98 convert get_scheme scheme_config shared_scheme""",
    "shapes": "align infer learn_dictionary reconstruct",
    "training": """FaceLosses LossBalancing MultiLoss Recipe Stage Teacher at_half_size
        averaged_adamw fine_tuning for_scheme
        join_hosts train""",
}


def public(module):
    """The names that a module defines for others."""
    if hasattr(module, "__all__"):
        return set(module.__all__)
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", module.__name__) == module.__name__
    }


def test_the_package_offers_exactly_these_names():
    assert sorted(keras_landmarks.__all__) == sorted(NAMES)


@pytest.mark.parametrize("name", MODULES)
def test_a_module_offers_exactly_these_names(name):
    names = public(getattr(keras_landmarks, name))
    assert {n for n in names if n[0] != "_"} == set(MODULES[name].split())


def documented():
    for module in MODULES:
        room = getattr(keras_landmarks, module)
        for name in sorted(public(room)):
            value = getattr(room, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield pytest.param(value, id=f"{module}.{name}")
                methods = vars(value).items() if inspect.isclass(value) else ()
                for method, function in methods:
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield pytest.param(function, id=f"{module}.{name}.{method}")


KERAS_OWN = {
    "build",
    "call",
    "compute_output_shape",
    "get_config",
    "from_config",
    "compute_loss",
    "compute_metrics",
    "get_metrics_result",
    "update_state",
    "on_epoch_end",
}
EVERYWHERE = {"self", "kwargs", "reduction", "dtype", "name"}


@pytest.mark.parametrize("thing", documented())
def test_a_docstring_says_what_it_is_and_names_arguments_that_exist(thing):
    if thing.__name__ in KERAS_OWN:
        return
    text = inspect.getdoc(thing) or ""
    assert text
    section = re.search(r"^Args:\n((?:    .*\n?|\n)*)", text, re.M)
    if not section:
        return
    named = set(re.findall(r"^    \*{0,2}(\w+):", section[1], re.M))
    parameters = set(inspect.signature(thing).parameters)
    assert named - {"kwargs"} <= parameters
    assert parameters - EVERYWHERE <= named
