/* Classifies the lines of standard input through the C API:
 *
 *     classify MODEL.safetensors < lines.txt
 *
 * prints for each line its label, a tab, the label's probability.
 */
#include <pyseq.h>
#include <stdio.h>
#include <string.h>

static int fail(void) {
  fprintf(stderr, "classify: %s\n", pyseq_last_error());
  return 1;
}

int main(int argc, char** argv) {
  pyseq_classifier* classifier = NULL;
  char line[4096];

  if (pyseq_classifier_load(argc > 1 ? argv[1] : NULL, &classifier) != PYSEQ_OK) return fail();
  while (fgets(line, sizeof line, stdin) != NULL) {
    pyseq_texts* labels = NULL;
    line[strcspn(line, "\n")] = '\0';
    if (pyseq_classify(classifier, line, &labels) != PYSEQ_OK) return fail();
    printf("%s\t%.6f\n", pyseq_texts_text(labels, 0), pyseq_texts_score(labels, 0));
    pyseq_texts_free(labels);
  }
  pyseq_classifier_free(classifier);
  return 0;
}
