# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_maglevd_global_optspecs
    string join \n config= vpp-api-addr= vpp-stats-addr= grpc-addr= grpc-socket= grpc-operator-group= grpc-tls-cert= grpc-tls-key= grpc-tls-client-ca= grpc-operators= insecure= metrics-addr= log-level= log-format= reflection= state-dir= journal= journal-size= seed= check= h/help V/version
end

function __fish_maglevd_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_maglevd_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_maglevd_using_subcommand
    set -l cmd (__fish_maglevd_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c maglevd -n "__fish_maglevd_needs_command" -l config -d 'The configuration file' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l vpp-api-addr -d 'VPP\'s API socket. Empty: probe only, without VPP' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l vpp-stats-addr -d 'VPP\'s stats socket: when VPP was started, and what it counts. Empty: not asked' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l grpc-addr -d 'Where the API listens on TCP: without TLS, who reaches it is an operator. Empty: nowhere' -r
complete -c maglevd -n "__fish_maglevd_needs_command" -l grpc-socket -d 'The API\'s Unix socket. Empty: none' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l grpc-operator-group -d 'Whose members may change things through that socket: a name in /etc/group, or a number. Not given: the daemon\'s group' -r
complete -c maglevd -n "__fish_maglevd_needs_command" -l grpc-tls-cert -d 'The certificate of the API on TCP, in PEM, and those between it and its authority: TCP is TLS from then on' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l grpc-tls-key -d 'The key of that certificate, in PEM' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l grpc-tls-client-ca -d 'The authorities of clients, in PEM: who has a certificate of them may look' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l grpc-operators -d 'Whose certificates may change things: exact names in them (DNS, URI or e-mail), with commas between' -r
complete -c maglevd -n "__fish_maglevd_needs_command" -l insecure -d 'Let the API listen beyond loopback without TLS, although everybody who reaches it is an operator' -r -f -a "true\t''
false\t''"
complete -c maglevd -n "__fish_maglevd_needs_command" -l metrics-addr -d 'Where metrics are served. Empty: nowhere' -r
complete -c maglevd -n "__fish_maglevd_needs_command" -l log-level -d 'The least urgent lines that are logged' -r -f -a "debug\t'Everything'
info\t'The record of what the daemon did'
warn\t'What somebody should look at'
error\t'What somebody should look at now'"
complete -c maglevd -n "__fish_maglevd_needs_command" -l log-format -d 'How log lines look' -r -f -a "json\t'One JSON object per line'
text\t'For people; with colour on a terminal'"
complete -c maglevd -n "__fish_maglevd_needs_command" -l reflection -d 'Whether the API describes itself to its clients' -r -f -a "true\t''
false\t''"
complete -c maglevd -n "__fish_maglevd_needs_command" -l state-dir -d 'Where operators\' choices (pause, disable, weights) are kept over restarts. Not given: they are lost with the process' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l journal -d 'Write down everything that the engine hears, for a replay. A full FILE becomes FILE.1. Not given: nowhere' -r -F
complete -c maglevd -n "__fish_maglevd_needs_command" -l journal-size -d 'How large FILE and FILE.1 may be together' -r
complete -c maglevd -n "__fish_maglevd_needs_command" -l seed -d 'Where all chance comes from; drawn once, and logged, if not given' -r
complete -c maglevd -n "__fish_maglevd_needs_command" -l check -d 'Check the configuration, print the verdict, and exit 0, 1 or 2' -r -f -a "true\t''
false\t''"
complete -c maglevd -n "__fish_maglevd_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c maglevd -n "__fish_maglevd_needs_command" -s V -l version -d 'Print version'
complete -c maglevd -n "__fish_maglevd_needs_command" -f -a "demo" -d 'Shows maglevd at work on this machine: no VPP, no root and no network needed'
complete -c maglevd -n "__fish_maglevd_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c maglevd -n "__fish_maglevd_using_subcommand demo" -l for -d 'End by itself after this long (30s, 1m30s), with exit code 0 if VPP holds what is wanted. Else: until Ctrl-C' -r
complete -c maglevd -n "__fish_maglevd_using_subcommand demo" -l seed -d 'The story to tell: one seed, one story' -r
complete -c maglevd -n "__fish_maglevd_using_subcommand demo" -l journal -d 'Write down everything that the engine hears, for a replay; the life before a restart of the daemon is in FILE.1' -r -F
complete -c maglevd -n "__fish_maglevd_using_subcommand demo" -s h -l help -d 'Print help'
complete -c maglevd -n "__fish_maglevd_using_subcommand help; and not __fish_seen_subcommand_from demo help" -f -a "demo" -d 'Shows maglevd at work on this machine: no VPP, no root and no network needed'
complete -c maglevd -n "__fish_maglevd_using_subcommand help; and not __fish_seen_subcommand_from demo help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
