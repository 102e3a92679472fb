"""Architectures composed from `pyseq.nn`."""

from pyseq.models.acoustic import AcousticModel, AcousticOptions
from pyseq.models.attention import AttentionEncoderDecoder
from pyseq.models.attentive_decoder import AttentionOptions, AttentiveDecoder
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
from pyseq.models.gene_tagger import GeneTagger, GeneTaggerOptions
from pyseq.models.gpt import Gpt, GptOptions
from pyseq.models.image_encoder import ImageEncoder
from pyseq.models.language_model import LanguageModelOptions, RecurrentLanguageModel
from pyseq.models.listen_attend_spell import ListenAttendSpell, ListenOptions
from pyseq.models.recurrent import RecurrentEncoderDecoder
from pyseq.models.sequence_tagger import SequenceTagger, TaggerOptions
from pyseq.models.source_attention import SourceAttention
from pyseq.models.speech import SpeechCtc, SpeechCtcOptions, SpeechTransformer
from pyseq.models.text_classifier import TextClassifier, TextClassifierOptions
from pyseq.models.transformer import Transformer, TransformerOptions
from pyseq.models.trigger import TriggerModel, TriggerOptions
from pyseq.models.voice_activity import VoiceActivityModel, VoiceActivityOptions
from pyseq.models.word_encoder import WordEncoder, WordOptions, WordVectorTable

__all__ = [
    "AcousticModel",
    "AcousticOptions",
    "AttentionEncoderDecoder",
    "AttentionOptions",
    "AttentiveDecoder",
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
    "GeneTagger",
    "GeneTaggerOptions",
    "Gpt",
    "GptOptions",
    "ImageEncoder",
    "LanguageModelOptions",
    "ListenAttendSpell",
    "ListenOptions",
    "RecurrentEncoderDecoder",
    "RecurrentLanguageModel",
    "SequenceTagger",
    "ShowAndTell",
    "ShowAttendTell",
    "SourceAttention",
    "SpeechCtc",
    "SpeechCtcOptions",
    "SpeechTransformer",
    "TaggerOptions",
    "TextClassifier",
    "TextClassifierOptions",
    "Transformer",
    "TransformerOptions",
    "TriggerModel",
    "TriggerOptions",
    "VoiceActivityModel",
    "VoiceActivityOptions",
    "WordEncoder",
    "WordOptions",
    "WordVectorTable",
    "doubly_stochastic_penalty",
]
