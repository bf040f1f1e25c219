from handbone.anatomy import BONES as BONES
from handbone.api.prediction import Prediction as Prediction
from handbone.api.prediction import write as write
from handbone.api.reading import read_radiograph as read_radiograph
from handbone.api.running import run as run
from handbone.api.segmenter import FailedImage as FailedImage
from handbone.api.segmenter import Segmenter as Segmenter
from handbone.api.segmenter import load as load
from handbone.core.errors import HandboneError as HandboneError
from handbone.core.radiograph import Radiograph as Radiograph
from handbone.synthetic import draw_hand as draw_hand
from handbone.workflows.evaluate import evaluate as evaluate

__version__: str
