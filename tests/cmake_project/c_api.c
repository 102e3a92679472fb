/* The C API as a C99 program meets it: right use and every kind of wrong use. Prints what it found, or the first
 * expectation that does not hold.
 *
 *     c_api DATES.safetensors STREAM.safetensors GENERATOR.safetensors CLASSIFIER.safetensors FOLDER
 */
#include <math.h>
#include <pyseq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(condition)                                                                                        \
  do {                                                                                                           \
    if (!(condition)) {                                                                                          \
      fprintf(stderr, "line %d: %s does not hold (last error: %s)\n", __LINE__, #condition, pyseq_last_error()); \
      exit(1);                                                                                                   \
    }                                                                                                            \
  } while (0)
#define EXPECT_ERROR(call, code, words)                  \
  do {                                                   \
    EXPECT((call) == (code));                            \
    EXPECT(strstr(pyseq_last_error(), (words)) != NULL); \
  } while (0)

enum { STEPS = 6, WIDTH = 3 };

static pyseq_tensor floats(const char* name, int64_t rows, int64_t steps, int64_t width, const float* data) {
  pyseq_tensor tensor = {0};
  tensor.name = name;
  tensor.dtype = PYSEQ_FLOAT32;
  tensor.rank = 3;
  tensor.shape[0] = rows;
  tensor.shape[1] = steps;
  tensor.shape[2] = width;
  tensor.data = data;
  return tensor;
}

static int stop_after_two(const char* text, double log_prob, void* data) {
  int* count = data;
  EXPECT(text != NULL && log_prob <= 0);
  return ++*count == 2;
}

static void translates(const char* file) {
  pyseq_translator *translator = NULL, *second = NULL;
  pyseq_program* program = NULL;
  pyseq_texts *found = NULL, *greedy = NULL;
  pyseq_translate_options options;
  pyseq_cancel* cancel = NULL;
  size_t i;

  EXPECT(pyseq_program_load(file, &program) == PYSEQ_OK);
  EXPECT(strstr(pyseq_program_task(program), "translator") != NULL);
  EXPECT(pyseq_translator_new(program, &second) == PYSEQ_OK);
  pyseq_program_free(program); /* before what was made from it */
  EXPECT(pyseq_translator_load(file, &translator) == PYSEQ_OK);
  EXPECT(pyseq_translate(second, "20 July 1969", NULL, &greedy) == PYSEQ_OK);
  EXPECT(pyseq_texts_count(greedy) == 1);
  pyseq_translate_options_init(&options);
  options.beam_size = 4;
  options.n_best = 3;
  EXPECT(pyseq_translate(translator, "20 July 1969", &options, &found) == PYSEQ_OK);
  EXPECT(pyseq_texts_count(found) == 3);
  for (i = 0; i < 3; ++i) printf("%s\t%.17g\n", pyseq_texts_text(found, i), pyseq_texts_score(found, i));
  EXPECT(pyseq_texts_text(found, 3) == NULL && isnan(pyseq_texts_score(found, 3)));
  EXPECT(strcmp(pyseq_texts_text(found, 0), pyseq_texts_text(greedy, 0)) == 0);
  pyseq_texts_free(greedy);

  EXPECT_ERROR(pyseq_translate(NULL, "x", NULL, &greedy), PYSEQ_ERROR_VALUE, "translator is NULL");
  EXPECT(greedy == NULL);
  EXPECT_ERROR(pyseq_translate(translator, NULL, NULL, &greedy), PYSEQ_ERROR_VALUE, "text is NULL");
  EXPECT_ERROR(pyseq_translate(translator, "x", NULL, NULL), PYSEQ_ERROR_VALUE, "result is NULL");
  EXPECT_ERROR(pyseq_translate(translator, "\xff\xfe", NULL, &greedy), PYSEQ_ERROR_VALUE, "UTF-8");
  options.beam_size = -1;
  EXPECT_ERROR(pyseq_translate(translator, "x", &options, &greedy), PYSEQ_ERROR_VALUE, "beam");
  pyseq_translate_options_init(&options);
  options.timeout = -1;
  EXPECT_ERROR(pyseq_translate(translator, "x", &options, &greedy), PYSEQ_ERROR_VALUE, "timeout");
  options.timeout = NAN;
  EXPECT_ERROR(pyseq_translate(translator, "x", &options, &greedy), PYSEQ_ERROR_VALUE, "timeout");
  options.timeout = 1e-9;
  EXPECT_ERROR(pyseq_translate(translator, "20 July 1969", &options, &greedy), PYSEQ_ERROR_DEADLINE, "deadline");
  options.size = 0;
  EXPECT_ERROR(pyseq_translate(translator, "x", &options, &greedy), PYSEQ_ERROR_VALUE, "options.size");
  pyseq_translate_options_init(&options);
  EXPECT(pyseq_cancel_new(&cancel) == PYSEQ_OK && pyseq_cancel_set(cancel) == PYSEQ_OK);
  options.cancel = cancel;
  EXPECT_ERROR(pyseq_translate(translator, "20 July 1969", &options, &greedy), PYSEQ_ERROR_CANCELLED, "cancel");
  EXPECT(pyseq_cancel_reset(cancel) == PYSEQ_OK);
  EXPECT(pyseq_translate(translator, "20 July 1969", &options, &greedy) == PYSEQ_OK);
  /* the structure of an older header: what it did not have keeps its default */
  pyseq_texts_free(greedy);
  options.size = offsetof(pyseq_translate_options, max_length);
  options.max_length = -7;
  EXPECT(pyseq_translate(translator, "20 July 1969", &options, &greedy) == PYSEQ_OK);
  EXPECT(strcmp(pyseq_texts_text(found, 0), pyseq_texts_text(greedy, 0)) == 0);
  pyseq_texts_free(greedy);
  pyseq_texts_free(found);
  pyseq_cancel_free(cancel);
  pyseq_translator_free(second);
  pyseq_translator_free(translator);
}

static void streams(const char* file) {
  pyseq_program* program = NULL;
  pyseq_stream *whole = NULL, *chunked = NULL;
  pyseq_session* session = NULL;
  pyseq_tensor input, output, expected;
  float x[STEPS * WIDTH];
  double sum = 0;
  int i;

  for (i = 0; i < STEPS * WIDTH; ++i) x[i] = 0.25F * (float)(i % 7) - 0.5F;
  EXPECT(pyseq_program_load(file, &program) == PYSEQ_OK);
  EXPECT(pyseq_program_check_function(program, "step") == PYSEQ_OK);
  EXPECT_ERROR(pyseq_program_check_function(program, "walk"), PYSEQ_ERROR_VALUE, "step");
  EXPECT(pyseq_stream_new(program, 1, &whole) == PYSEQ_OK && pyseq_stream_new(program, 1, &chunked) == PYSEQ_OK);
  EXPECT_ERROR(pyseq_stream_output(whole, "logits", &output), PYSEQ_ERROR_VALUE, "none");
  input = floats("x", 1, STEPS, WIDTH, x);
  EXPECT(pyseq_stream_feed(whole, "step", &input, 1) == PYSEQ_OK);
  EXPECT(pyseq_stream_output(whole, "logits", &expected) == PYSEQ_OK);
  EXPECT(expected.rank == 3 && expected.shape[1] == STEPS && expected.dtype == PYSEQ_FLOAT32);
  for (i = 0; i < 2; ++i) { /* once more after a reset */
    int64_t t;
    for (t = 0; t < STEPS; ++t) {
      input = floats("x", 1, 1, WIDTH, x + t * WIDTH);
      EXPECT(pyseq_stream_feed(chunked, "step", &input, 1) == PYSEQ_OK);
      EXPECT(pyseq_stream_output(chunked, "logits", &output) == PYSEQ_OK);
      EXPECT(memcmp(output.data, (const float*)expected.data + t * expected.shape[2],
                    (size_t)expected.shape[2] * sizeof(float)) == 0);
      input.shape[2] = WIDTH + 1; /* a failure in between leaves the state as it is */
      EXPECT_ERROR(pyseq_stream_feed(chunked, "step", &input, 1), PYSEQ_ERROR_SHAPE, "step: x");
    }
    EXPECT(pyseq_stream_reset(chunked) == PYSEQ_OK);
  }
  for (i = 0; i < STEPS * (int)expected.shape[2]; ++i) sum += ((const float*)expected.data)[i];
  printf("%.17g\n", sum);

  input = floats("x", 1, STEPS, WIDTH, x);
  EXPECT_ERROR(pyseq_stream_feed(NULL, "step", &input, 1), PYSEQ_ERROR_VALUE, "stream is NULL");
  EXPECT_ERROR(pyseq_stream_feed(whole, NULL, &input, 1), PYSEQ_ERROR_VALUE, "function is NULL");
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", NULL, 1), PYSEQ_ERROR_VALUE, "inputs is NULL");
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", NULL, 0), PYSEQ_ERROR_VALUE, "missing input");
  EXPECT_ERROR(pyseq_stream_feed(whole, "walk", &input, 1), PYSEQ_ERROR_VALUE, "step");
  input.name = "y";
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_VALUE, "missing input \"x\"");
  input.name = NULL;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_VALUE, "inputs[0].name is NULL");
  input.name = "x";
  input.dtype = PYSEQ_INT64;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_DTYPE, "int64");
  memset(&input.dtype, 0x55, sizeof input.dtype);
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_DTYPE, "expected one of");
  input.dtype = PYSEQ_FLOAT32;
  input.rank = PYSEQ_MAX_RANK + 1;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_SHAPE, "rank 9");
  input.rank = -1;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_SHAPE, "rank -1");
  input.rank = 2;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_SHAPE, "step: x");
  input.rank = 3;
  input.shape[1] = -4;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_SHAPE, "-4");
  input.shape[1] = INT64_MAX;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_SHAPE, "");
  input.shape[1] = STEPS;
  input.shape[0] = 2;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_SHAPE, "1 rows");
  input.shape[0] = 1;
  input.data = NULL;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_VALUE, "data of input x");
  input.data = (const char*)x + 1;
  EXPECT_ERROR(pyseq_stream_feed(whole, "step", &input, 1), PYSEQ_ERROR_VALUE, "aligned");
  EXPECT_ERROR(pyseq_stream_new(program, 0, &whole), PYSEQ_ERROR_VALUE, "rows");
  EXPECT_ERROR(pyseq_stream_new(program, INT64_MAX, &whole), PYSEQ_ERROR_SHAPE, "");
  EXPECT(pyseq_session_new(program, &session) == PYSEQ_OK);
  input.data = x;
  EXPECT_ERROR(pyseq_session_run(session, "step", &input, 1), PYSEQ_ERROR_VALUE, "state");
  EXPECT_ERROR(pyseq_session_output(session, "logits", NULL), PYSEQ_ERROR_VALUE, "result is NULL");
  pyseq_session_free(session);
  pyseq_stream_free(chunked);
  pyseq_program_free(program);
}

static void generates(const char* file) {
  pyseq_generator* generator = NULL;
  pyseq_generate_options options;
  pyseq_texts *text = NULL, *begin = NULL;
  int count = 0;

  EXPECT(pyseq_generator_load(file, &generator) == PYSEQ_OK);
  pyseq_generate_options_init(&options);
  options.seed = 7;
  EXPECT(pyseq_generate(generator, "abc", &options, NULL, NULL, &text) == PYSEQ_OK);
  printf("%s\t%.17g\n", pyseq_texts_text(text, 0), pyseq_texts_score(text, 0));
  EXPECT(pyseq_generate(generator, "abc", &options, stop_after_two, &count, &begin) == PYSEQ_OK);
  EXPECT(count == 2);
  EXPECT(strlen(pyseq_texts_text(begin, 0)) == 2);
  EXPECT(strncmp(pyseq_texts_text(begin, 0), pyseq_texts_text(text, 0), 2) == 0);
  pyseq_texts_free(begin);
  EXPECT_ERROR(pyseq_generate(generator, "", NULL, NULL, NULL, &begin), PYSEQ_ERROR_VALUE, "empty");
  EXPECT_ERROR(pyseq_generate(generator, "#", NULL, NULL, NULL, &begin), PYSEQ_ERROR_INDEX, "#");
  options.top_p = NAN;
  EXPECT_ERROR(pyseq_generate(generator, "abc", &options, NULL, NULL, &begin), PYSEQ_ERROR_VALUE, "top_p");
  pyseq_texts_free(text);
  pyseq_generator_free(generator);
}

static void classifies(const char* file) {
  pyseq_classifier* classifier = NULL;
  pyseq_generator* generator = NULL;
  pyseq_texts* labels = NULL;
  size_t i;

  EXPECT(pyseq_classifier_load(file, &classifier) == PYSEQ_OK);
  EXPECT(pyseq_classify(classifier, "fedcba", &labels) == PYSEQ_OK);
  for (i = 0; i < pyseq_texts_count(labels); ++i) {
    printf("%s\t%.17g\n", pyseq_texts_text(labels, i), pyseq_texts_score(labels, i));
  }
  pyseq_texts_free(labels);
  EXPECT_ERROR(pyseq_classify(classifier, "", &labels), PYSEQ_ERROR_VALUE, "empty");
  EXPECT_ERROR(pyseq_generator_load(file, &generator), PYSEQ_ERROR_FORMAT, "generator");
  pyseq_classifier_free(classifier);
}

/* Files that are missing, cut or not what they should be. */
static void survives_files(const char* file, const char* folder) {
  pyseq_program* program = NULL;
  char path[4096];
  unsigned char* bytes = malloc(1 << 24);
  FILE* stream = fopen(file, "rb");
  size_t size, cut;

  EXPECT(bytes != NULL && stream != NULL);
  size = fread(bytes, 1, 1 << 24, stream);
  fclose(stream);
  EXPECT(size > 0);
  snprintf(path, sizeof path, "%s/cut.safetensors", folder);
  for (cut = 0; cut < size; cut = 2 * cut + 7) {
    stream = fopen(path, "wb");
    EXPECT(stream != NULL && fwrite(bytes, 1, cut, stream) == cut && fclose(stream) == 0);
    EXPECT_ERROR(pyseq_program_load(path, &program), PYSEQ_ERROR_FORMAT, "cut.safetensors");
    EXPECT(program == NULL);
  }
  free(bytes);
  snprintf(path, sizeof path, "%s/nowhere.safetensors", folder);
  EXPECT_ERROR(pyseq_program_load(path, &program), PYSEQ_ERROR, "nowhere.safetensors");
  EXPECT_ERROR(pyseq_program_load(folder, &program), PYSEQ_ERROR, "regular file");
  EXPECT_ERROR(pyseq_program_load(NULL, &program), PYSEQ_ERROR_VALUE, "file is NULL");
  EXPECT_ERROR(pyseq_program_load(file, NULL), PYSEQ_ERROR_VALUE, "result is NULL");
  EXPECT_ERROR(pyseq_translator_new(NULL, NULL), PYSEQ_ERROR_VALUE, "NULL");
}

static void frees_nothing(void) {
  pyseq_program_free(NULL);
  pyseq_session_free(NULL);
  pyseq_stream_free(NULL);
  pyseq_texts_free(NULL);
  pyseq_translator_free(NULL);
  pyseq_generator_free(NULL);
  pyseq_classifier_free(NULL);
  pyseq_cancel_free(NULL);
  pyseq_translate_options_init(NULL);
  pyseq_generate_options_init(NULL);
  EXPECT(pyseq_texts_count(NULL) == 0 && pyseq_texts_text(NULL, 0) == NULL && isnan(pyseq_texts_score(NULL, 0)));
  EXPECT(pyseq_program_task(NULL) == NULL);
  EXPECT_ERROR(pyseq_cancel_set(NULL), PYSEQ_ERROR_VALUE, "cancel is NULL");
}

int main(int argc, char** argv) {
  EXPECT(argc == 6);
  EXPECT(strcmp(pyseq_last_error(), "") == 0);
  EXPECT(strcmp(pyseq_status_name(PYSEQ_ERROR_SHAPE), "shape") == 0);
  EXPECT_ERROR(pyseq_set_num_threads(0), PYSEQ_ERROR_VALUE, "0");
  EXPECT(pyseq_set_num_threads(1) == PYSEQ_OK && pyseq_num_threads() == 1);
  printf("%s\n", pyseq_version());
  translates(argv[1]);
  streams(argv[2]);
  generates(argv[3]);
  classifies(argv[4]);
  survives_files(argv[2], argv[5]);
  frees_nothing();
  return 0;
}
