import tseslint from 'typescript-eslint'

// Biome does the rest; these two rules need types and ESLint finds more with them.
export default tseslint.config({
  files: ['src/**/*.ts', 'client/**/*.ts'],
  extends: [tseslint.configs.base],
  languageOptions: { parserOptions: { projectService: true } },
  rules: { '@typescript-eslint/no-floating-promises': 'error', '@typescript-eslint/no-misused-promises': 'error' },
})
