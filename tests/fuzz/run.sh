#!/usr/bin/env bash
# Runs the fuzz targets of a build for a number of seconds in all: run.sh BUILD_FOLDER SECONDS
set -euo pipefail
build=$(cd "$1" && pwd)
targets=(fuzz_program fuzz_program_json fuzz_safetensors_header fuzz_ngram fuzz_ngram_arrays)
seconds=$(($2 / ${#targets[@]}))
here=$(cd "$(dirname "$0")" && pwd)

"$build/tests/fuzz/make_seeds" "$build/seeds"
for target in "${targets[@]}"; do
  mkdir -p "$build/corpus/$target"
  words=$here/program.dict
  [[ $target == fuzz_ngram* ]] && words=$here/ngram.dict
  cd "$build/corpus" # where a crash-... file would land
  "$build/tests/fuzz/$target" -max_total_time="$seconds" -max_len=16384 -timeout=10 -malloc_limit_mb=64 \
    -rss_limit_mb=1024 -dict="$words" -print_final_stats=1 "$build/corpus/$target" "$build/seeds/$target" \
    2>"$build/$target.log" || { tail -50 "$build/$target.log"; exit 1; }
  echo "$target: $(sed -n 's/stat::number_of_executed_units: *//p' "$build/$target.log") executions"
done
