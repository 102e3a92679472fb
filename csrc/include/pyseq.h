/* pyseq for C and whatever calls C: programs, streams of chunks, and models for a task.
 *
 *     pyseq_translator* translator = NULL;
 *     pyseq_texts* found = NULL;
 *     if (pyseq_translator_load("dates.safetensors", &translator) == PYSEQ_OK &&
 *         pyseq_translate(translator, "20 July 1969", NULL, &found) == PYSEQ_OK) {
 *       puts(pyseq_texts_text(found, 0));
 *     } else {
 *       fprintf(stderr, "%s\n", pyseq_last_error());
 *     }
 *     pyseq_texts_free(found);
 *     pyseq_translator_free(translator);
 *
 * Rules that hold for all functions:
 * - What can fail returns a pyseq_status. Then pyseq_last_error() has the sentence, and the result (the last argument)
 *   is NULL or as it was. Null pointers are errors; nothing ends the process or throws across this border.
 * - Handles are opaque. What an argument `type** result` gives is the caller's, until the `_free` of its type; `_free`
 *   takes NULL. A handle may go before those that were made from it.
 * - Programs and models for a task are immutable and usable from many threads at once. A session, a stream and a list
 *   of texts belong to one thread at a time. A cancel flag may be set from any thread.
 * - Texts are UTF-8 and end with a zero byte. Tensors are row-major without gaps.
 * - Structures of options begin with their own size and are filled by their `_init` function, so that a program that
 * was compiled with an older header goes on to work. */
#ifndef PYSEQ_H
#define PYSEQ_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#ifdef PYSEQ_BUILDS_SHARED
#define PYSEQ_API __declspec(dllexport)
#else
#define PYSEQ_API
#endif
#else
#define PYSEQ_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors ---- */

typedef enum pyseq_status {
  PYSEQ_OK = 0,
  PYSEQ_ERROR = 1,             /* any other failure; a file that cannot be read or written */
  PYSEQ_ERROR_SHAPE = 2,       /* a tensor of the wrong rank or sizes */
  PYSEQ_ERROR_DTYPE = 3,       /* a tensor of the wrong type */
  PYSEQ_ERROR_INDEX = 4,       /* a token or position outside of its table */
  PYSEQ_ERROR_VALUE = 5,       /* an impossible argument, a null pointer, an unknown name */
  PYSEQ_ERROR_FORMAT = 6,      /* a file that is damaged or of another format */
  PYSEQ_ERROR_UNSUPPORTED = 7, /* well-formed, but not what this build or machine can do */
  PYSEQ_ERROR_CANCELLED = 8,   /* the cancel flag was set */
  PYSEQ_ERROR_DEADLINE = 9,    /* the time was up */
  PYSEQ_ERROR_MEMORY = 10      /* the memory for it cannot be had */
} pyseq_status;

/* What went wrong in the last call of this thread that failed: names what came and what was expected. Valid until the
 * next failure of this thread; "" when nothing failed yet. */
PYSEQ_API const char* pyseq_last_error(void);
/* "ok", "shape", ...: for messages. */
PYSEQ_API const char* pyseq_status_name(pyseq_status status);

/* ---- the library ---- */

PYSEQ_API const char* pyseq_version(void); /* "0.1.0" */
/* Threads that a call may use; the default is the CPUs that the process may use. */
PYSEQ_API pyseq_status pyseq_set_num_threads(int count);
PYSEQ_API int pyseq_num_threads(void);

/* Set from any thread, makes the calls that were given it stop. Must outlive them. */
typedef struct pyseq_cancel pyseq_cancel;
PYSEQ_API pyseq_status pyseq_cancel_new(pyseq_cancel** result);
PYSEQ_API pyseq_status pyseq_cancel_set(pyseq_cancel* cancel);
PYSEQ_API pyseq_status pyseq_cancel_reset(pyseq_cancel* cancel);
PYSEQ_API void pyseq_cancel_free(pyseq_cancel* cancel);

/* ---- programs ---- */

typedef struct pyseq_program pyseq_program;

/* The file is mapped: processes that load it share its pages. FORMAT, or ERROR where it cannot be read. */
PYSEQ_API pyseq_status pyseq_program_load(const char* file, pyseq_program** result);
PYSEQ_API void pyseq_program_free(pyseq_program* program);
/* What it is for, as JSON, {"kind": "translator", ...}; valid as long as the program. NULL for NULL. */
PYSEQ_API const char* pyseq_program_task(const pyseq_program* program);
/* VALUE: the program has no such function; the sentence lists those that it has. */
PYSEQ_API pyseq_status pyseq_program_check_function(const pyseq_program* program, const char* function);

/* ---- tensors ---- */

typedef enum pyseq_dtype { PYSEQ_FLOAT32 = 0, PYSEQ_INT64 = 1, PYSEQ_INT32 = 2, PYSEQ_UINT8 = 3 } pyseq_dtype;

#define PYSEQ_MAX_RANK 8

/* A named array. As an input its name and data belong to the caller and are only read, during the call; as an output
 * they belong to the session or stream. */
typedef struct pyseq_tensor {
  const char* name;
  pyseq_dtype dtype;
  int rank;
  int64_t shape[PYSEQ_MAX_RANK];
  const void* data;
} pyseq_tensor;

/* ---- sessions: runs that do not depend on each other ---- */

typedef struct pyseq_session pyseq_session;

PYSEQ_API pyseq_status pyseq_session_new(const pyseq_program* program, pyseq_session** result);
PYSEQ_API void pyseq_session_free(pyseq_session* session);
/* Runs a function that has no state. */
PYSEQ_API pyseq_status pyseq_session_run(pyseq_session* session, const char* function, const pyseq_tensor* inputs,
                                         size_t num_inputs);
/* An output of the last run, valid until the next run or the end of the session. VALUE: no such output. */
PYSEQ_API pyseq_status pyseq_session_output(const pyseq_session* session, const char* name, pyseq_tensor* result);

/* ---- streams: the state of recurrent layers and caches goes from chunk to chunk ---- */

typedef struct pyseq_stream pyseq_stream;

/* `rows` sequences side by side, their state zero. */
PYSEQ_API pyseq_status pyseq_stream_new(const pyseq_program* program, int64_t rows, pyseq_stream** result);
PYSEQ_API void pyseq_stream_free(pyseq_stream* stream);
/* Runs a function on the next chunk. When it fails, the state is what it was before. */
PYSEQ_API pyseq_status pyseq_stream_feed(pyseq_stream* stream, const char* function, const pyseq_tensor* inputs,
                                         size_t num_inputs);
/* As pyseq_session_output. */
PYSEQ_API pyseq_status pyseq_stream_output(const pyseq_stream* stream, const char* name, pyseq_tensor* result);
/* State zero again: what comes next is the beginning of other sequences. */
PYSEQ_API pyseq_status pyseq_stream_reset(pyseq_stream* stream);

/* ---- lists of texts: what models for a task answer, best first ---- */

typedef struct pyseq_texts pyseq_texts;

PYSEQ_API size_t pyseq_texts_count(const pyseq_texts* texts);                   /* 0 for NULL */
PYSEQ_API const char* pyseq_texts_text(const pyseq_texts* texts, size_t index); /* NULL: there is no such text */
PYSEQ_API double pyseq_texts_score(const pyseq_texts* texts, size_t index);     /* NaN: there is no such text */
PYSEQ_API void pyseq_texts_free(pyseq_texts* texts);

/* ---- translators ---- */

typedef struct pyseq_translator pyseq_translator;

typedef struct pyseq_translate_options {
  size_t size;
  int32_t beam_size;          /* 1: greedy */
  int32_t n_best;             /* texts that are wanted, at most beam_size */
  double length_penalty;      /* log probabilities are divided by length to the power of it */
  int64_t max_length;         /* tokens; 0: the model's own */
  double timeout;             /* seconds; 0: as long as it takes */
  const pyseq_cancel* cancel; /* or NULL */
} pyseq_translate_options;
PYSEQ_API void pyseq_translate_options_init(pyseq_translate_options* options);

/* FORMAT: the program is not for translation. */
PYSEQ_API pyseq_status pyseq_translator_load(const char* file, pyseq_translator** result);
PYSEQ_API pyseq_status pyseq_translator_new(const pyseq_program* program, pyseq_translator** result);
PYSEQ_API void pyseq_translator_free(pyseq_translator* translator);
/* The n_best translations with their scores. `options` may be NULL: greedy. */
PYSEQ_API pyseq_status pyseq_translate(const pyseq_translator* translator, const char* text,
                                       const pyseq_translate_options* options, pyseq_texts** result);

/* ---- generators ---- */

typedef struct pyseq_generator pyseq_generator;

typedef struct pyseq_generate_options {
  size_t size;
  double temperature; /* logits are divided by it; 0: always the likeliest token */
  double top_p;       /* the likeliest tokens that together have this probability; 1: all */
  double min_p;       /* tokens with at least this share of the largest probability; 0: all */
  int64_t top_k;      /* the likeliest tokens; 0: all */
  uint64_t seed;      /* the same seed writes the same text */
  int64_t max_length; /* tokens to write; 0: the model's own */
  double timeout;
  const pyseq_cancel* cancel;
} pyseq_generate_options;
PYSEQ_API void pyseq_generate_options_init(pyseq_generate_options* options);

/* Called with every piece of text as it is written; anything but 0 ends the text there. */
typedef int (*pyseq_token_callback)(const char* text, double log_prob, void* data);

PYSEQ_API pyseq_status pyseq_generator_load(const char* file, pyseq_generator** result);
PYSEQ_API pyseq_status pyseq_generator_new(const pyseq_program* program, pyseq_generator** result);
PYSEQ_API void pyseq_generator_free(pyseq_generator* generator);
/* One text: what follows the prompt; its score is its log probability. `options` and `on_token` may be NULL. */
PYSEQ_API pyseq_status pyseq_generate(const pyseq_generator* generator, const char* prompt,
                                      const pyseq_generate_options* options, pyseq_token_callback on_token,
                                      void* callback_data, pyseq_texts** result);

/* ---- classifiers ---- */

typedef struct pyseq_classifier pyseq_classifier;

PYSEQ_API pyseq_status pyseq_classifier_load(const char* file, pyseq_classifier** result);
PYSEQ_API pyseq_status pyseq_classifier_new(const pyseq_program* program, pyseq_classifier** result);
PYSEQ_API void pyseq_classifier_free(pyseq_classifier* classifier);
/* All labels with their probabilities, the likeliest first. */
PYSEQ_API pyseq_status pyseq_classify(const pyseq_classifier* classifier, const char* text, pyseq_texts** result);

#ifdef __cplusplus
}
#endif

#endif
