# Sourced by the scripts beside it: `venv EXTRAS` makes .venv and installs this project into it
# once for each state of pyproject.toml.
venv() {
    python=${PYTHON:-python3}
    stamp=".venv/.installed-$1"
    if [ ! -x .venv/bin/python ]; then
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
            echo "Python 3.11 or later is needed; $("$python" --version 2>&1) was found (set PYTHON)" >&2
            exit 1
        }
        "$python" -m venv .venv
    fi
    if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
        echo "installing into .venv (once; it can take a minute or two) ..." >&2
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[$1]"
        touch "$stamp"
    fi
}
