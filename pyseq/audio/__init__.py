"""Sound: files, sample rates, spectra and features, streams of them, and what makes training data noisier."""

from pyseq.audio.augmentation import change_speed, mix_noise, spec_augment
from pyseq.audio.features import FeatureOptions, Features, FeatureStream, deltas, normalized
from pyseq.audio.files import Sound, read, write
from pyseq.audio.mel import hertz_of_mel, mel_filters, mel_of_hertz
from pyseq.audio.presets import kaldi_fbank, kaldi_mfcc, log_mel, whisper_features
from pyseq.audio.resampling import resample
from pyseq.audio.spectra import frames, power_spectrogram, stft
from pyseq.audio.windows import window

__all__ = [
    "FeatureOptions",
    "FeatureStream",
    "Features",
    "Sound",
    "change_speed",
    "deltas",
    "frames",
    "hertz_of_mel",
    "kaldi_fbank",
    "kaldi_mfcc",
    "log_mel",
    "mel_filters",
    "mel_of_hertz",
    "mix_noise",
    "normalized",
    "power_spectrogram",
    "read",
    "resample",
    "spec_augment",
    "stft",
    "whisper_features",
    "window",
    "write",
]
