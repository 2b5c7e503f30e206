#compdef maglevd

autoload -U is-at-least

_maglevd() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'--config=[The configuration file]:FILE:_files' \
'--vpp-api-addr=[VPP'\''s API socket. Empty\: probe only, without VPP]:SOCKET:_files' \
'--vpp-stats-addr=[VPP'\''s stats socket\: when VPP was started, and what it counts. Empty\: not asked]:SOCKET:_files' \
'--grpc-addr=[Where the API listens on TCP\: without TLS, who reaches it is an operator. Empty\: nowhere]:ADDRESS:_default' \
'--grpc-socket=[The API'\''s Unix socket. Empty\: none]:SOCKET:_files' \
'--grpc-operator-group=[Whose members may change things through that socket\: a name in /etc/group, or a number. Not given\: the daemon'\''s group]:GROUP:_default' \
'--grpc-tls-cert=[The certificate of the API on TCP, in PEM, and those between it and its authority\: TCP is TLS from then on]:FILE:_files' \
'--grpc-tls-key=[The key of that certificate, in PEM]:FILE:_files' \
'--grpc-tls-client-ca=[The authorities of clients, in PEM\: who has a certificate of them may look]:FILE:_files' \
'*--grpc-operators=[Whose certificates may change things\: exact names in them (DNS, URI or e-mail), with commas between]:NAMES:_default' \
'--insecure=[Let the API listen beyond loopback without TLS, although everybody who reaches it is an operator]::BOOL:(true false)' \
'--metrics-addr=[Where metrics are served. Empty\: nowhere]:ADDRESS:_default' \
'--log-level=[The least urgent lines that are logged]:LEVEL:((debug\:"Everything"
info\:"The record of what the daemon did"
warn\:"What somebody should look at"
error\:"What somebody should look at now"))' \
'--log-format=[How log lines look]:FORMAT:((json\:"One JSON object per line"
text\:"For people; with colour on a terminal"))' \
'--reflection=[Whether the API describes itself to its clients]::BOOL:(true false)' \
'--state-dir=[Where operators'\'' choices (pause, disable, weights) are kept over restarts. Not given\: they are lost with the process]:FOLDER:_files' \
'--journal=[Write down everything that the engine hears, for a replay. A full FILE becomes FILE.1. Not given\: nowhere]:FILE:_files' \
'--journal-size=[How large FILE and FILE.1 may be together]:SIZE:_default' \
'--seed=[Where all chance comes from; drawn once, and logged, if not given]:NUMBER:_default' \
'--check=[Check the configuration, print the verdict, and exit 0, 1 or 2]::BOOL:(true false)' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_maglevd_commands" \
"*::: :->maglevd" \
&& ret=0
    case $state in
    (maglevd)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:maglevd-command-$line[1]:"
        case $line[1] in
            (demo)
_arguments "${_arguments_options[@]}" : \
'--for=[End by itself after this long (30s, 1m30s), with exit code 0 if VPP holds what is wanted. Else\: until Ctrl-C]:DURATION:_default' \
'--seed=[The story to tell\: one seed, one story]:NUMBER:_default' \
'--journal=[Write down everything that the engine hears, for a replay; the life before a restart of the daemon is in FILE.1]:FILE:_files' \
'-h[Print help]' \
'--help[Print help]' \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
":: :_maglevd__subcmd__help_commands" \
"*::: :->help" \
&& ret=0

    case $state in
    (help)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:maglevd-help-command-$line[1]:"
        case $line[1] in
            (demo)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
(help)
_arguments "${_arguments_options[@]}" : \
&& ret=0
;;
        esac
    ;;
esac
;;
        esac
    ;;
esac
}

(( $+functions[_maglevd_commands] )) ||
_maglevd_commands() {
    local commands; commands=(
'demo:Shows maglevd at work on this machine\: no VPP, no root and no network needed' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'maglevd commands' commands "$@"
}
(( $+functions[_maglevd__subcmd__demo_commands] )) ||
_maglevd__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'maglevd demo commands' commands "$@"
}
(( $+functions[_maglevd__subcmd__help_commands] )) ||
_maglevd__subcmd__help_commands() {
    local commands; commands=(
'demo:Shows maglevd at work on this machine\: no VPP, no root and no network needed' \
'help:Print this message or the help of the given subcommand(s)' \
    )
    _describe -t commands 'maglevd help commands' commands "$@"
}
(( $+functions[_maglevd__subcmd__help__subcmd__demo_commands] )) ||
_maglevd__subcmd__help__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'maglevd help demo commands' commands "$@"
}
(( $+functions[_maglevd__subcmd__help__subcmd__help_commands] )) ||
_maglevd__subcmd__help__subcmd__help_commands() {
    local commands; commands=()
    _describe -t commands 'maglevd help help commands' commands "$@"
}

if [ "$funcstack[1]" = "_maglevd" ]; then
    _maglevd "$@"
else
    compdef _maglevd maglevd
fi
