"""Pictures and pages: self-contained files, and text for a terminal."""

from pyseq.viz.attention_page import AttentionMap, attention_page
from pyseq.viz.attention_picture import attention_plot
from pyseq.viz.attention_text import attention_text
from pyseq.viz.beam_errors import beam_errors_page, beam_errors_plot
from pyseq.viz.beam_trace_page import beam_trace_page
from pyseq.viz.bias_page import bias_page
from pyseq.viz.captions import CaptionMap, caption_page, caption_plot
from pyseq.viz.confidence_page import TokenConfidence, confidence_page
from pyseq.viz.gradient_flow import compare_cells, gradient_norms, plot_gradient_flow
from pyseq.viz.heads_page import AttentionGroup, AttentionLayer, ModelAttention, heads_page
from pyseq.viz.learning_curves import learning_curves, read_curves
from pyseq.viz.roc_curve import roc_curve
from pyseq.viz.sound_pages import SpeechMap, TriggerMap, speech_page, trigger_page
from pyseq.viz.spectrogram import spectrogram, spectrogram_plot
from pyseq.viz.transformer_figures import softmax_gradient, transformer_figures_page
from pyseq.viz.word_map import word_map_page, word_map_plot

__all__ = [
    "AttentionGroup",
    "AttentionLayer",
    "AttentionMap",
    "CaptionMap",
    "ModelAttention",
    "SpeechMap",
    "TokenConfidence",
    "TriggerMap",
    "attention_page",
    "attention_plot",
    "attention_text",
    "beam_errors_page",
    "beam_errors_plot",
    "beam_trace_page",
    "bias_page",
    "caption_page",
    "caption_plot",
    "compare_cells",
    "confidence_page",
    "gradient_norms",
    "heads_page",
    "learning_curves",
    "plot_gradient_flow",
    "read_curves",
    "roc_curve",
    "softmax_gradient",
    "spectrogram",
    "spectrogram_plot",
    "speech_page",
    "transformer_figures_page",
    "trigger_page",
    "word_map_page",
    "word_map_plot",
]
