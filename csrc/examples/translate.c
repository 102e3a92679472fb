/* Translates the lines of standard input through the C API (pyseq.h), compiled as C99:
 *
 *     translate MODEL.safetensors < lines.txt
 */
#include <pyseq.h>
#include <stdio.h>
#include <string.h>

static int fail(void) {
  fprintf(stderr, "translate: %s\n", pyseq_last_error());
  return 1;
}

int main(int argc, char** argv) {
  pyseq_translator* translator = NULL;
  pyseq_translate_options options;
  char line[4096];

  if (pyseq_translator_load(argc > 1 ? argv[1] : NULL, &translator) != PYSEQ_OK) return fail();
  pyseq_translate_options_init(&options);
  options.beam_size = 4;
  options.timeout = 10; /* seconds for a line */
  while (fgets(line, sizeof line, stdin) != NULL) {
    pyseq_texts* found = NULL;
    line[strcspn(line, "\n")] = '\0';
    if (pyseq_translate(translator, line, &options, &found) != PYSEQ_OK) return fail();
    puts(pyseq_texts_text(found, 0));
    pyseq_texts_free(found);
  }
  pyseq_translator_free(translator);
  return 0;
}
