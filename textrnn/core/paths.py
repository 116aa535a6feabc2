"""Every path of the pipeline, named once. dvc.yaml repeats them, and a test compares the two."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PARAMS = ROOT / "params.yaml"
PIPELINE = ROOT / "dvc.yaml"
REQUIREMENTS = ROOT / "requirements.txt"
CHECKPOINTS = ROOT / ".checkpoints"
MACHINE = ROOT / ".machine.json"  # the machine that train ran on last: not in Git, and no output of a stage

CORPUS = ROOT / "data/raw/corpus"
TEST_CORPUS = ROOT / "data/raw/test"  # of split.test_source; an empty line without one
MESSAGES = ROOT / "data/clean/messages.tsv"
ORIGINS = ROOT / "data/clean/origins"  # the file and line of each message
COLUMNS = ROOT / "data/clean/columns"  # part, group and time of each message, as the user's file has them
CONTRADICTIONS = ROOT / "data/clean/contradictions.tsv"
REJECTED = ROOT / "data/clean/rejected.tsv"
VECTORS = ROOT / "data/vectors"
TRAIN = ROOT / "data/split/train"
VALIDATION = ROOT / "data/split/validation"
TEST = ROOT / "data/split/test"
MODEL = ROOT / "model"
WEIGHTS = ROOT / "data/trained/weights.npz"  # of each network, which answers do not need
OUT_OF_FOLD = ROOT / "data/trained/out_of_fold.npz"  # what the blend of networks and linear branch was fitted to
HELD_OUT = ROOT / "data/scored/held_out.tsv"
LABELS = ROOT / "data/scored/labels.tsv"
SCORES = ROOT / "data/scored/scores.json"
PREDICTIONS = ROOT / "data/scored/predictions.tsv"
ERRORS = ROOT / "data/scored/errors.tsv"
DISGUISES = ROOT / "data/scored/disguises.tsv"
LABEL_ERRORS = ROOT / "data/scored/label_errors.csv"
WARNINGS = ROOT / "data/scored/warnings.tsv"
METRICS = ROOT / "metrics"
PLOTS = ROOT / "plots"
REPORT = ROOT / "report/index.html"
TRY = ROOT / "report/try"  # what answers messages typed into the report


def shown(path: Path) -> str:
    """Return `path` as a message should name it: relative to the repository where it lies inside."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else str(path)
