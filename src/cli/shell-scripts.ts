/** What makes a shell ask the program what can stand where somebody is typing: the same answers in bash, zsh and fish. */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

const PROGRAM = 'claude-session-sweeper';
const FUNCTION = '_claude_session_sweeper';

/** Where the program knows nothing, files are offered. */
export const SHELL_SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for ${PROGRAM}
${FUNCTION}() {
  local IFS=$'\\n'
  COMPREPLY=($("\${COMP_WORDS[0]}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F ${FUNCTION} ${PROGRAM}
`,
  zsh: `#compdef ${PROGRAM}
${FUNCTION}() {
  local -a found described
  found=(\${(f)"$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)"})
  if (( \${#found} == 0 )); then
    _files
    return
  fi
  described=("\${(@)found//:/\\\\:}")
  described=("\${(@)described/$'\\t'/:}")
  _describe -t values ${PROGRAM} described
}
if [[ "\${funcstack[1]}" == ${FUNCTION} ]]; then
  ${FUNCTION} "$@"
else
  compdef ${FUNCTION} ${PROGRAM}
fi
`,
  fish: `# fish completion for ${PROGRAM}
function _${FUNCTION}
    set -l current (commandline -ct)
    set -l words (commandline -opc) "$current"
    set -l found ($words[1] complete -- $words[2..-1] 2>/dev/null)
    if test (count $found) -eq 0
        __fish_complete_path "$current"
    else
        printf '%s\\n' $found
    end
end
complete -c ${PROGRAM} -f -a '(_${FUNCTION})'
`,
};
