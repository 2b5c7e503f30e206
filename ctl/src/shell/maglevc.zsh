#compdef maglevc
# zsh completion of maglevc: source <(maglevc completions zsh), or a file _maglevc in $fpath
_maglevc() {
  local line
  local -a found
  for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( ${#found} )); then _describe -V maglevc found; else _files; fi
}
compdef _maglevc maglevc
