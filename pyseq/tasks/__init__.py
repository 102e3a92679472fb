"""What models are for: objects with a typed method per task."""

from pyseq.tasks.captioner import Captioner
from pyseq.tasks.classifier import Classification, Classifier
from pyseq.tasks.encoder import Encoder
from pyseq.tasks.fill_mask import Filling, FillMask
from pyseq.tasks.generator import Generator, TextScore
from pyseq.tasks.hypothesis import Hypothesis
from pyseq.tasks.joint_search import JointSearch
from pyseq.tasks.serving import GenerationRequest, GenerationService
from pyseq.tasks.sound_classifier import SoundClassifier
from pyseq.tasks.spectrogram_recognizer import SpectrogramRecognizer
from pyseq.tasks.speech_recognizer import SpeechRecognizer
from pyseq.tasks.tagger import Span, Tag, Tagger, TokenizedTagger
from pyseq.tasks.tokenized import TokenizedClassifier, TokenizedGenerator, TokenizedTranslator
from pyseq.tasks.transcripts import Transcript, Word
from pyseq.tasks.translator import Translator
from pyseq.tasks.trigger_detector import Trigger, TriggerDetector
from pyseq.tasks.voice_activity import Segment, SegmentOptions, VoiceActivity

__all__ = [
    "Captioner",
    "Classification",
    "Classifier",
    "Encoder",
    "FillMask",
    "Filling",
    "GenerationRequest",
    "GenerationService",
    "Generator",
    "Hypothesis",
    "JointSearch",
    "Segment",
    "SegmentOptions",
    "SoundClassifier",
    "Span",
    "SpectrogramRecognizer",
    "SpeechRecognizer",
    "Tag",
    "Tagger",
    "TextScore",
    "TokenizedClassifier",
    "TokenizedGenerator",
    "TokenizedTagger",
    "TokenizedTranslator",
    "Transcript",
    "Translator",
    "Trigger",
    "TriggerDetector",
    "VoiceActivity",
    "Word",
]
