declare module 'nist-controls' {
  export interface Statement {
    statement: string;
    subparts?: Statement[];
  }

  export interface Control {
    id: string;
    title: string;
    withdrawn: boolean;
    baselines: ('LOW' | 'MODERATE' | 'HIGH' | 'PRIVACY')[];
    render(fields: ['statements']): { statements: Statement[] };
  }

  export interface Framework {
    getControls(callback: (error: Error | null, controls: Control[]) => void): Promise<void>;
  }

  const nistControls: { SP80053(): Framework };
  export default nistControls;
}
