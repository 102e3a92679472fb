"""Pictures and pages: self-contained files, and text for a terminal."""

from pyseq.viz.attention_page import AttentionMap, attention_page
from pyseq.viz.attention_picture import attention_plot
from pyseq.viz.attention_text import attention_text
from pyseq.viz.beam_errors import beam_errors_page, beam_errors_plot
from pyseq.viz.beam_trace_page import beam_trace_page
from pyseq.viz.bias_page import bias_page
from pyseq.viz.captions import CaptionMap, caption_page, caption_plot
from pyseq.viz.gradient_flow import compare_cells, gradient_norms, plot_gradient_flow
from pyseq.viz.learning_curves import learning_curves, read_curves
from pyseq.viz.sound_pages import SpeechMap, TriggerMap, speech_page, trigger_page
from pyseq.viz.spectrogram import spectrogram, spectrogram_plot
from pyseq.viz.word_map import word_map_page, word_map_plot

__all__ = [
    "AttentionMap",
    "CaptionMap",
    "SpeechMap",
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
    "gradient_norms",
    "learning_curves",
    "plot_gradient_flow",
    "read_curves",
    "spectrogram",
    "spectrogram_plot",
    "speech_page",
    "trigger_page",
    "word_map_page",
    "word_map_plot",
]
