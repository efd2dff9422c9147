#!/usr/bin/env bash
# hemline on a Raspberry Pi, or on any board or PC with Debian or Ubuntu: packages of the system, a virtual environment,
# groups, and a service where one is wanted. What is there already is left alone, so it can be run again at any time.
# Everything is fetched by apt and pip; nothing else is. See docs/deploy.md.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: pi-install.sh [options] [--service line|watch -- OPTION...]

  --dry-run        says what would be done, and does nothing
  --into DIR       the environment (default: /opt/hemline for root, ~/hemline for others)
  --wheel FILE     hemline itself (default: the newest of the package index)
  --extras A,B     engines and more (default: litert)
  --no-camera      leaves out picamera2
  --user NAME      who is to use cameras and pins (default: who runs this)
  --upgrade        looks for newer versions of what is installed
  --service NAME   line or watch: 'hemline devices install' in the end; its options stand after --
  --root DIR       looks at the system below a folder, a memory card's for instance; nothing is done

exit status: 0 done, 1 a step failed, 2 usage, 3 hemline cannot run on this system
TEXT
}

misused() {
  printf 'pi-install.sh: %s; see --help\n' "$1" >&2
  exit 2
}

unfit() {
  printf 'pi-install.sh: %s\n' "$1" >&2
  exit 3
}

have() {
  printf 'have   %s\n' "$*"
}

# run WORD...: shows the line, as it could be typed, and runs it unless it is a trial
run() {
  todo=$((todo + 1))
  printf '%s  %s\n' "$([[ -n $dry ]] && echo would || echo 'runs ')" "$(quoted "$@")"
  [[ -n $dry ]] || "$@" || {
    printf 'pi-install.sh: that failed; mend it and run this again\n' >&2
    exit 1
  }
}

quoted() {
  local word line=''
  for word; do
    [[ $word == *[!A-Za-z0-9_./:=@%+,-]* ]] && word="'${word//\'/\'\\\'\'}'"
    line+="${line:+ }$word"
  done
  printf '%s' "$line"
}

dry='' into='' wheel='' extras='litert' camera=1 user='' upgrade='' service='' root='' more=() todo=0
while (($#)); do
  case $1 in
    -h | --help) usage && exit 0 ;;
    --dry-run) dry=1 && shift ;;
    --no-camera) camera='' && shift ;;
    --upgrade) upgrade=1 && shift ;;
    --into | --wheel | --extras | --user | --service | --root)
      [[ $# -ge 2 && -n $2 ]] || misused "$1 needs a value"
      printf -v "${1#--}" '%s' "$2"
      shift 2
      ;;
    --) more=("${@:2}") && break ;;
    *) misused "no option '$1'" ;;
  esac
done
[[ -z $service || $service == line || $service == watch ]] || misused "--service $service: line or watch"
[[ -n $service || ${#more[@]} -eq 0 ]] || misused 'options after -- are of --service'
[[ -z $wheel || -f $wheel ]] || misused "--wheel $wheel: no such file"
[[ -z $wheel || ${wheel##*/} == hemline-*.whl ]] || misused "--wheel $wheel: not a wheel of hemline"
[[ $extras =~ ^[a-z]+(,[a-z]+)*$ ]] || misused "--extras $extras: names with a comma between them, such as litert,mqtt"
if [[ -n $root ]]; then
  [[ -d $root ]] || misused "--root $root: no such folder"
  dry=1
fi

me=$(id -un)
user=${user:-${SUDO_USER:-$me}}
if [[ -z $into ]]; then
  into=$([[ $me == root ]] && echo /opt/hemline || echo "$HOME/hemline")
fi
[[ $into == /* ]] || into=$PWD/$into
sudo=()
[[ $me == root ]] || sudo=(sudo)

# --- can it run here -------------------------------------------------------------------------------------------------

release() {
  sed -n "s/^$1=//p" "$root/etc/os-release" 2>/dev/null | tr -d "\"'" | head -n 1
}

[[ " $(release ID) $(release ID_LIKE) " =~ \ (debian|ubuntu|raspbian)\  ]] ||
  unfit "'$(release PRETTY_NAME)' is not Debian, Raspberry Pi OS or Ubuntu: see the README for the lines to type"
codename=$(release VERSION_CODENAME)
if [[ -z $root ]]; then
  machine=$(uname -m) bits=$(getconf LONG_BIT) library=$(getconf GNU_LIBC_VERSION 2>/dev/null || true)
else
  # the loader that the programs of a system name is there under this path, whatever the system
  machine='' bits=32 library=''
  for name in aarch64:ld-linux-aarch64.so.1 x86_64:ld-linux-x86-64.so.2; do
    for place in lib lib64; do
      # a link with a whole path leads elsewhere from here
      if [[ -e $root/$place/${name#*:} || -L $root/$place/${name#*:} ]]; then machine=${name%%:*} bits=64; fi
    done
  done
fi
[[ $bits == 64 && ($machine == aarch64 || $machine == x86_64) ]] ||
  unfit "$bits-bit programs${machine:+ on $machine}: no engine has a wheel for that; install the 64-bit Raspberry Pi OS"
if [[ -z $root ]]; then
  # numpy and ai-edge-litert ask for 2.27, onnxruntime for 2.28
  version=${library#glibc 2.}
  [[ $library == 'glibc 2.'* && ${version%%.*} -ge 28 ]] ||
    unfit "the C library is ${library:-not glibc}, glibc 2.28 is needed: use Debian 12 or 13, Ubuntu 22.04 or 24.04"
fi
have "$(release PRETTY_NAME), $machine"

look_for_python() {
  python=$(readlink "$root/usr/bin/python3" || true)
  python=${python##*python}
  case $python in
    '' | 3.10 | 3.11 | 3.12 | 3.13) ;;
    *) unfit "the system's Python is $python, hemline wants 3.10 to 3.13: use Debian 12 or 13, Ubuntu 22.04 or 24.04" ;;
  esac
}
look_for_python
[[ -z $python ]] || have "Python $python"

board=$(cat -- "$root/proc/device-tree/model" 2>/dev/null | tr -d '\0' || true)
# only Raspberry Pi OS has picamera2 as a package, and only the system's Python sees it
[[ -f $root/etc/rpi-issue ]] || camera=''
[[ -z $board ]] || have "$board"

# 424 MB lay there after an installation with LiteRT, packages of the system with it; pip wants 100 more while it works
needed=600
[[ ,$extras, != *,openvino,* ]] || needed=$((needed + 400))
[[ ,$extras, != *,onnx,* ]] || needed=$((needed + 100))
folder=$root$into
while [[ ! -d $folder ]]; do folder=$(dirname -- "$folder"); done
free=$(($(df -Pk -- "$folder" | awk 'NR == 2 {print $4}') / 1024))
# the size is not shown: what is printed shall be the same as long as the system is
if [[ ! -x $root$into/bin/hemline ]]; then
  ((free >= needed)) || unfit "$free MB free in $folder, $needed MB are needed: make room, or --into on another disk"
  have "room in $folder"
fi

# --- packages of the system ------------------------------------------------------------------------------------------

packages=(python3-venv)
[[ -z $camera ]] || packages+=(python3-picamera2)
# pins: gpiozero of the extra line works them through the board's own library
[[ ,$extras, != *,line,* || ! -f $root/etc/rpi-issue ]] || packages+=(python3-lgpio)
missing=()
for package in "${packages[@]}"; do
  state=$(dpkg-query --admindir="$root/var/lib/dpkg" -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  if [[ $state == installed ]]; then have "$package"; else missing+=("$package"); fi
done
if ((${#missing[@]})); then
  run "${sudo[@]}" apt-get update
  run "${sudo[@]}" apt-get install -y --no-install-recommends "${missing[@]}"
  look_for_python
fi

# --- the environment -------------------------------------------------------------------------------------------------

if [[ -e $root$into && ! -f $root$into/pyvenv.cfg && -n $(ls -A -- "$root$into") ]]; then
  unfit "$into: is there and is no virtual environment; choose another place with --into"
fi
owner=()
[[ -w $folder ]] || owner=("${sudo[@]}")
wanted=$([[ -n $camera ]] && echo true || echo false)
setting() {
  sed -n "s/^$1 = //p" "$root$into/pyvenv.cfg" 2>/dev/null || true
}
made=$(setting version)
# another Python: the system was upgraded. One that sees the system's packages and need not does no harm
if [[ $python && $made == "$python".* && ($(setting include-system-site-packages) == true || $wanted == false) ]]; then
  have "$into, a virtual environment of Python $python"
else
  how=()
  [[ ! -f $root$into/pyvenv.cfg ]] || how+=(--clear)
  [[ -z $camera ]] || how+=(--system-site-packages)
  run "${owner[@]}" /usr/bin/python3 -m venv "${how[@]}" "$into"
  made=''
fi

requirements=("${wheel:-hemline}[$extras]")
[[ -z $wheel ]] || requirements=("$(realpath -- "$wheel")[$extras]")
if [[ -n $camera && $codename == bookworm ]]; then
  # the picamera2 of this release does not load with numpy 2: https://github.com/raspberrypi/picamera2/issues/1211
  requirements+=('numpy<2' 'opencv-python-headless<4.12')
fi
# pip's own words, and which file it was
note="${requirements[*]}"
[[ -z $wheel ]] || note+=" $(sha256sum -- "$wheel" | cut -d ' ' -f 1)"
stamp=$into/.pi-install
if [[ -n $made && -z $upgrade && -x $root$into/bin/hemline && $(cat -- "$root$stamp" 2>/dev/null) == "$note" ]]; then
  have "${requirements[*]}"
else
  pip=("$into/bin/python" -m pip install --disable-pip-version-check)
  [[ -z $upgrade ]] || pip+=(--upgrade)
  # a wheel of the same version but of other content would be taken for the one that is there
  if [[ -n $wheel && -n $made ]]; then
    run "${owner[@]}" "${pip[@]}" --force-reinstall --no-deps "$(realpath -- "$wheel")"
  fi
  # beside the environment: /tmp is in memory on newer systems, and small
  run "${owner[@]}" env "TMPDIR=$into" "${pip[@]}" "${requirements[@]}"
  [[ -n $dry ]] || printf '%s\n' "$note" | "${owner[@]}" tee -- "$stamp" >/dev/null
fi

# --- who may use cameras and pins ------------------------------------------------------------------------------------

if [[ $user != root ]]; then
  groups=''
  for group in video gpio; do
    members=$(sed -n "s/^$group:[^:]*:[^:]*://p" "$root/etc/group" 2>/dev/null || true)
    if [[ ,$members, == *,$user,* ]]; then
      have "$user in the group $group"
    elif grep -q "^$group:" "$root/etc/group" 2>/dev/null; then
      groups+="${groups:+,}$group"
    fi
  done
  if [[ -n $groups ]]; then
    run "${sudo[@]}" usermod -aG "$groups" "$user"
    printf 'note   %s has to log in again for that\n' "$user"
  fi
fi

# --- the service, and what can run -----------------------------------------------------------------------------------

if [[ -n $service ]]; then
  hand=("$into/bin/python" -m hemline devices install --service "$service" "${more[@]}")
  if [[ -n $dry ]]; then
    printf 'would  %s\n' "$(quoted "${sudo[@]}" "${hand[@]}")"
  else
    "${sudo[@]}" "${hand[@]}" || exit
  fi
fi
if [[ -n $dry ]]; then
  if ((todo)); then printf 'nothing was done; without --dry-run it is\n'; else printf 'there is nothing to do\n'; fi
else
  "$into/bin/hemline" doctor || unfit 'hemline is installed and cannot run; what is above says why'
fi
