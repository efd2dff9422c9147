#!/usr/bin/env bash
# Convert a model in CI and refuse a bad one: hemline convert, then hemline parity on the files that were written.
# Nothing is left at --out unless every gate passed; the reports are left either way. See docs/ci.md.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: convert-in-ci.sh MODEL --data FOLDER --out BUNDLE [options]

  MODEL                run directory of 'hemline train', a .keras file, or a SavedModel directory
  --data FOLDER        labelled pictures: <class>/* or {train,test}/<class>/*
  --out BUNDLE         bundle directory to write when every gate passed
  --formats E:P,...    artifacts to make (default: litert:float32,litert:int8); one has to be float32
  --min-accuracy N     least accuracy of the model itself, 0 to 1; required unless MODEL is a run
  --gate NAME=NUMBER   override a bar; may be repeated
  --junit FILE         write JUnit XML: the accuracy, then one case for each artifact and gate
  --html FILE          write a page with figures, plots and the pictures whose answer changed
  -- OPTION...         anything else for 'hemline convert', such as: -- --scale 1/255 --labels labels.txt

environment: PYTHON, the Python that has hemline[convert] (default: python3)
exit status: 0 converted, 1 a gate failed, 2 usage, 3 something is not installed, 4 bad model or pictures
TEXT
}

misused() {
  printf 'convert-in-ci.sh: %s; see --help\n' "$1" >&2
  exit 2
}

model='' data='' out='' formats='litert:float32,litert:int8' accuracy='' junit='' html=''
gates=() more=()
while (($#)); do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --data | --out | --formats | --min-accuracy | --gate | --junit | --html)
      (($# >= 2)) || misused "$1 needs a value"
      case $1 in
        --data) data=$2 ;;
        --out) out=$2 ;;
        --formats) formats=$2 ;;
        --min-accuracy) accuracy=$2 ;;
        --gate) gates+=(--gate "$2") ;;
        --junit) junit=$2 ;;
        --html) html=$2 ;;
      esac
      shift 2
      ;;
    --) more=("${@:2}") && break ;;
    -*) misused "no option '$1'" ;;
    *)
      [[ -z $model ]] || misused "two models, '$model' and '$1'"
      model=$1 && shift
      ;;
  esac
done
[[ -n $model ]] || misused 'no MODEL given'
[[ -n $data ]] || misused 'no --data given'
[[ -n $out ]] || misused 'no --out given'
[[ ,$formats, == *:float32,* || $formats == all ]] || misused "--formats $formats: add one float32, to compare with"
# a model that was trained elsewhere came with no word of how good it is; without one, nothing here would notice
# that its labels are in another order
[[ -n $accuracy || -f $model/run.json ]] || misused 'no --min-accuracy given, and the model is no run of hemline'

python=${PYTHON:-python3}
"$python" -c 'import hemline, hemline_convert' 2>/dev/null || {
  printf "convert-in-ci.sh: %s has no hemline: pip install 'hemline[convert]', or set PYTHON\n" "$python" >&2
  exit 3
}
out=${out%/}
name=$(basename -- "$out")
for file in "$out" "$junit" "$html"; do
  [[ -z $file ]] || mkdir -p -- "$(dirname -- "$file")" || misused "$file cannot be written"
done
# beside the bundle, so that it is moved there in one step; of its name, because the manifest holds it
work=$(mktemp -d "$(dirname -- "$out")/.convert-in-ci.XXXXXX") || misused "$out cannot be written"
trap 'rm -rf -- "$work"' EXIT
staged=$work/$name

# hemline VERB...: its stderr is shown with the bundle's own path, and kept for the annotations
hemline() {
  { "$python" -m hemline "$@" 2>&1 >&3 | shown | tee -a -- "$work/said" >&2; } 3>&1
}

shown() {
  local line
  while IFS= read -r line; do
    printf '%s\n' "${line//"$staged"/"$out"}"
  done
}

: >"$work/said"
status=0
# --force: a model that fails is still looked at in full, and then not handed over
hemline convert "$model" --data "$data" --out "$staged" --formats "$formats" --force \
  ${accuracy:+--min-accuracy "$accuracy"} --junit "$work/1-convert.xml" "${gates[@]}" "${more[@]}" >"$work/path" || status=$?
# a traceback ends with 1 too; a gate that failed left its case
if ((status == 1)) && [[ ! -f $work/1-convert.xml ]]; then
  status=4
fi
if ((status <= 1)); then
  compared=0
  hemline parity "$staged" --data "$data" --junit "$work/2-parity.xml" --html "$work/parity.html" "${gates[@]}" \
    >"$work/table" || compared=$?
  ((compared <= status)) || status=$compared
  cat -- "$work/table" >&2
fi

# one file of both suites; a suite with the reason when there was nothing to measure
if [[ -n $junit ]]; then
  "$python" - "$junit" "$status" "$model" "$work" <<'PYTHON'
import sys
from pathlib import Path
from xml.etree import ElementTree

target, status, model, work = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
root = ElementTree.Element("testsuites")
for path in sorted(work.glob("*.xml")):
    root.extend(ElementTree.parse(path).getroot())
if status > 1:
    said = [line for line in (work / "said").read_text(errors="replace").splitlines() if line.strip()] or ["no reason"]
    counts = {"tests": "1", "failures": "0", "errors": "1", "skipped": "0"}
    suite = ElementTree.SubElement(root, "testsuite", {"name": "convert-in-ci", **counts})
    case = ElementTree.SubElement(suite, "testcase", {"classname": "convert-in-ci", "name": model})
    ElementTree.SubElement(case, "error", {"type": f"exit {status}", "message": said[-1]}).text = "\n".join(said[-20:])
ElementTree.indent(root, " ")
ElementTree.ElementTree(root).write(target, encoding="utf-8", xml_declaration=True)
PYTHON
fi
if [[ -n $html && -f $work/parity.html ]]; then
  cp -- "$work/parity.html" "$html"
fi

if [[ -f $staged.convert.log ]]; then
  mv -- "$staged.convert.log" "$out.convert.log"
fi

# https://docs.github.com/actions/reference/workflow-commands-for-github-actions: % and CR are escaped
if ((status)) && [[ -n ${GITHUB_ACTIONS:-} ]]; then
  # sort: both verbs may say the same
  grep -E '(: FAILED$|^likely cause: |^hemline: )' "$work/said" | sort -u | while IFS= read -r line; do
    line=${line//'%'/%25}
    printf '::error title=hemline::%s\n' "${line//$'\r'/%0D}"
  done
fi
if [[ -n ${GITHUB_STEP_SUMMARY:-} && -f $work/table ]]; then
  sed "s/^/    /" "$work/table" >>"$GITHUB_STEP_SUMMARY"
fi

if ((status == 0)); then
  [[ ! -e $out ]] || mv -- "$out" "$work/old"
  mv -- "$staged" "$out"
  printf '%s\n' "$out"
elif ((status == 1)); then
  printf 'convert-in-ci.sh: %s was not written: a gate failed\n' "$out" >&2
fi
exit "$status"
