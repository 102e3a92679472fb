"""Architectures composed from `pyseq.nn`."""

from pyseq.models.acoustic import AcousticModel, AcousticOptions
from pyseq.models.attention import AttentionEncoderDecoder, AttentionOptions
from pyseq.models.bert import (
    Bert,
    BertClassifier,
    BertEmbedder,
    BertMaskedLanguageModel,
    BertOptions,
    BertPretraining,
    BertTagger,
)
from pyseq.models.captioning import CaptionOptions, ShowAndTell, ShowAttendTell, doubly_stochastic_penalty
from pyseq.models.conditional import ConditionalLanguageModel
from pyseq.models.encoder_decoder import EncoderDecoder
from pyseq.models.gpt import Gpt, GptOptions
from pyseq.models.image_encoder import ImageEncoder
from pyseq.models.language_model import LanguageModelOptions, RecurrentLanguageModel
from pyseq.models.recurrent import RecurrentEncoderDecoder
from pyseq.models.source_attention import SourceAttention
from pyseq.models.speech import SpeechCtc, SpeechCtcOptions, SpeechTransformer
from pyseq.models.transformer import Transformer, TransformerOptions
from pyseq.models.trigger import TriggerModel, TriggerOptions
from pyseq.models.voice_activity import VoiceActivityModel, VoiceActivityOptions

__all__ = [
    "AcousticModel",
    "AcousticOptions",
    "AttentionEncoderDecoder",
    "AttentionOptions",
    "Bert",
    "BertClassifier",
    "BertEmbedder",
    "BertMaskedLanguageModel",
    "BertOptions",
    "BertPretraining",
    "BertTagger",
    "CaptionOptions",
    "ConditionalLanguageModel",
    "EncoderDecoder",
    "Gpt",
    "GptOptions",
    "ImageEncoder",
    "LanguageModelOptions",
    "RecurrentEncoderDecoder",
    "RecurrentLanguageModel",
    "ShowAndTell",
    "ShowAttendTell",
    "SourceAttention",
    "SpeechCtc",
    "SpeechCtcOptions",
    "SpeechTransformer",
    "Transformer",
    "TransformerOptions",
    "TriggerModel",
    "TriggerOptions",
    "VoiceActivityModel",
    "VoiceActivityOptions",
    "doubly_stochastic_penalty",
]
