#!/usr/bin/env bash
# Drives the window under a virtual X server with a synthetic mouse and keyboard: zoom, scroll,
# click, drag, keys, a saved picture, and the way out. Usage: window_test.sh WINDOW_TOOL
# Ends with 77 (skipped) where Xvfb or xdotool is missing.
set -eu

tool=$1
for program in Xvfb xdotool; do
  command -v "$program" >/dev/null || { echo "$program is missing"; exit 77; }
done

folder=$(mktemp -d)
server=
window=
cleanup() {
  [ -z "$window" ] || kill "$window" 2>/dev/null || true
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

fail() {
  echo "FAILED: $1" >&2
  cat "$folder/window.err" >&2
  exit 1
}

# Waits until a condition holds, and for 30 seconds at most.
until_true() {
  what=$1
  shift
  for _ in $(seq 300); do
    if "$@"; then return 0; fi
    kill -0 "$window" 2>/dev/null || fail "the window went away while waiting for $what"
    sleep 0.1
  done
  fail "waited in vain for $what"
}

mkfifo "$folder/display"
Xvfb -displayfd 3 -screen 0 1440x900x24 -noreset -nolisten tcp -fbdir "$folder" \
  3>"$folder/display" >/dev/null 2>&1 &
server=$!
read -r number <"$folder/display"
export DISPLAY=":$number" LIBGL_ALWAYS_SOFTWARE=1

"$tool" "$folder/run.tscope" 2>"$folder/window.err" &
window=$!

shown() {
  id=$(xdotool search --onlyvisible --pid "$window" 2>/dev/null | head -n 1)
  [ -n "$id" ]
}
picture() { cksum <"$folder/Xvfb_screen0"; }
changed() { [ "$(picture)" != "$before" ]; }
saved() { [ -s "$folder/run-$1.png" ] && [ ! -e "$folder/run-$1.png.part" ]; }

# Xvfb now and then delivers no event for a synthetic key or click. What shows no effect within a
# second is done again, as a person would.
deed_shows() {
  xdotool "${deed[@]}"
  for _ in {1..20}; do
    if changed; then return 0; fi
    sleep 0.05
  done
  return 1
}

# Does something with xdotool and waits for the picture to change.
see() {
  action=$1
  shift
  deed=("$@")
  before=$(picture)
  until_true "$action to change the picture" deed_shows
  echo "ok: $action"
}

# Ctrl and a key, for as long as a finger holds them.
control() { xdotool keydown ctrl keydown "$1" sleep 0.1 keyup "$1" keyup ctrl; }
saving() { saved 1 || { control s && saved 1; }; }
quitting() {
  control q || true
  ! jobs -rp | grep -qx "$window"
}
focused() {
  xdotool windowfocus "$id"
  [ "$(xdotool getwindowfocus)" = "$id" ]
}

empty=$(picture)
until_true "the window" shown
before=$empty
until_true "the first frame" changed
until_true "the focus" focused

see "pointing at a span" mousemove --window "$id" 800 300
see "zooming by wheel" keydown ctrl click 4 keyup ctrl
see "panning by wheel" keydown shift click 5 keyup shift
see "scrolling" click 5
see "zooming by key" key w
see "fitting" key f
see "clicking a span" mousemove --window "$id" 700 430 click 1
see "the next span" key Right
see "the next row" key Down
see "measuring" mousemove --window "$id" 500 92 mousedown 1 mousemove 700 92 mouseup 1
see "brushing the overview" mousemove --window "$id" 300 60 mousedown 1 mousemove 380 60 mouseup 1
see "marking" mousemove --window "$id" 900 300 key m
see "an area" mousemove --window "$id" 500 420 mousedown 1 mousemove 600 450 sleep 0.1 \
  mousemove 700 500 sleep 0.1 mouseup 1
see "clearing the area" key Escape
see "the search field" key slash
see "typing a query" type --delay 50 "state:blocked dur:>20us"
see "the first hit" key Return
see "the next hit" key Return
see "closing the field" key Escape
see "the menu of a row" mousemove --window "$id" 700 480 click 3
see "closing the menu" key Escape
see "only tasks like this" key o
see "a pinned row" key p
see "back in the history" key BackSpace
see "the findings" key i
see "reading one" key Down
see "going to it" key Return
see "the rows' keys again" key Escape
see "a click on a finding" mousemove --window "$id" 1250 180 click 1
see "wider findings" mousemove --window "$id" 1100 400 mousedown 1 mousemove 1000 400 mouseup 1
see "no findings" key i
see "the light theme" key t
see "the keys" key question
see "closing the keys" key Escape
see "the palette" keydown ctrl keydown shift keydown p sleep 0.1 keyup p keyup shift keyup ctrl
see "typing a command" type --delay 50 "group name"
see "grouping by name" key Return
see "going to a task" keydown ctrl keydown p sleep 0.1 keyup p keyup ctrl
see "typing a task" type --delay 50 "read"
see "arriving at the task" key Return
see "making the window smaller" windowsize "$id" 1024 640

until_true "Ctrl+S to write a picture" saving
echo "ok: saving a picture"

for _ in {1..100}; do
  if quitting; then break; fi
done
status=0
wait "$window" || status=$?
window=
[ "$status" -eq 0 ] || fail "the window ended with $status"
echo "ok: quitting"
