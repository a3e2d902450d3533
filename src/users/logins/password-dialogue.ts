import type { LoginDecision, LoginDialogue, LoginRound } from '../../model/users/logins.js';

/** The questions of a keyboard-interactive request and the checks of their answers. */
export interface PasswordQuestions {
  /** False if the password is not needed: the user has none, and another method has succeeded. */
  readonly asksPassword: () => Promise<boolean>;
  readonly asksCode: boolean;
  readonly checkPassword: (password: string) => Promise<LoginDecision>;
  readonly checkCode: (code: string) => Promise<LoginDecision>;
}

const passwordRound: LoginRound = { prompts: [{ text: 'Password: ', isEchoed: false }] };
const codeRound: LoginRound = { prompts: [{ text: 'Verification code: ', isEchoed: false }] };

/**
 * Asks for the password, then for the TOTP code of a user who has TOTP. The code is asked for after
 * the right password only: the questions to everyone else do not reveal whether the user exists.
 */
export class PasswordDialogue implements LoginDialogue {
  readonly #questions: PasswordQuestions;
  #asked: 'nothing' | 'password' | 'code' = 'nothing';

  constructor(questions: PasswordQuestions) {
    this.#questions = questions;
  }

  async start(): Promise<LoginRound> {
    const { asksPassword, asksCode } = this.#questions;
    if (asksCode && !(await asksPassword())) {
      this.#asked = 'code';
      return codeRound;
    }
    this.#asked = 'password';
    return passwordRound;
  }

  async respond([answer = '']: readonly string[]): Promise<LoginDecision | LoginRound> {
    if (this.#asked === 'code') return await this.#questions.checkCode(answer);
    const decision = await this.#questions.checkPassword(answer);
    if (decision !== 'accepted' || !this.#questions.asksCode) return decision;
    this.#asked = 'code';
    return codeRound;
  }
}
