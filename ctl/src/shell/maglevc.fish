# fish completion of maglevc: maglevc completions fish | source
function __maglevc_complete
    set -l before (commandline -opc)
    $before[1] __complete $before[2..] (commandline -ct) 2>/dev/null
end
complete -c maglevc -f -a '(__maglevc_complete)'
complete -c maglevc -n '__fish_seen_subcommand_from check reload' -F
